// The loops of substitute_panel_amd64.go for one width of strips: EIGHT, ONE, BAND and ROWS
// are their names, PUT moves a strip between memory and a register.
//
// EIGHT takes eight points at a time, in A0 … A7: what they begin with, the products with the
// five points of each other row that couple with them, for which the twelve points near them
// are read once, and the recurrence, from S1, the point before the eight, and S2. R11 … R15
// are where the coefficients of the five are. ONE does the same point by point.

#define HEAD \
	MOVQ v+0(FP), DI           \
	MOVQ val+24(FP), SI        \
	MOVQ at+32(FP), R9         \
	MOVQ x+40(FP), DX          \
	MOVQ shift+48(FP), R10     \
	MOVQ s1+80(FP), R11        \
	PUT  (R11), S1             \
	MOVQ s2+88(FP), R11        \
	PUT  (R11), S2             \
	MOVQ stride+96(FP), R8     \
	MOVQ count+104(FP), CX     \
	FLUSH(AX)

// FIVE points to the coefficients and the points of another row.
#define FIVE \
	MOVQ (R9)(AX*1), R11    \
	MOVQ 8(R9)(AX*1), R12   \
	MOVQ 16(R9)(AX*1), R13  \
	MOVQ 24(R9)(AX*1), R14  \
	MOVQ 32(R9)(AX*1), R15  \
	MOVQ (R10)(AX*1), BX    \
	LEAQ (SI)(R11*4), R11   \
	LEAQ (SI)(R12*4), R12   \
	LEAQ (SI)(R13*4), R13   \
	LEAQ (SI)(R14*4), R14   \
	LEAQ (SI)(R15*4), R15   \
	LEAQ (DX)(BX*4), BX     \
	ADDQ $40, AX

#define NEXTROW \
	PUT  (BX), P \
	ADDQ R8, BX

#define TAP(i, c, a) \
	VBROADCASTSS 4*i(c), T \
	VFNMADD231PS P, T, a

#define SCALE(i, a) \
	VBROADCASTSS 4*i(R12), T \
	VMULPS       a, T, a

#define RECUR(i, far, near, a) \
	VBROADCASTSS 4*i(R12), T \
	VFNMADD231PS far, T, a   \
	VBROADCASTSS 4*i(R11), T \
	VFNMADD231PS near, T, a

// MOVE steps by n points, which are as many bytes of coefficients, and points.
#define MOVE(coef, points) \
	ADDQ coef, SI          \
	ADDQ coef, d+16(FP)    \
	ADDQ coef, near+64(FP) \
	ADDQ coef, far+72(FP)  \
	ADDQ points, src+8(FP) \
	ADDQ points, DI        \
	ADDQ points, DX

TEXT EIGHT(SB), NOSPLIT, $8-128
	HEAD

block:
	MOVQ src+8(FP), R11
	PUT  (R11), A0; ADDQ R8, R11
	PUT  (R11), A1; ADDQ R8, R11
	PUT  (R11), A2; ADDQ R8, R11
	PUT  (R11), A3; ADDQ R8, R11
	PUT  (R11), A4; ADDQ R8, R11
	PUT  (R11), A5; ADDQ R8, R11
	PUT  (R11), A6; ADDQ R8, R11
	PUT  (R11), A7
	CMPQ scaled+112(FP), $0
	JEQ  gather
	MOVQ d+16(FP), R12
	SCALE(0, A0)
	SCALE(1, A1)
	SCALE(2, A2)
	SCALE(3, A3)
	SCALE(4, A4)
	SCALE(5, A5)
	SCALE(6, A6)
	SCALE(7, A7)

gather:
	XORL AX, AX
	CMPQ AX, terms+56(FP)
	JGE  recurrence

row:
	FIVE
	NEXTROW; TAP(0, R11, A0)
	NEXTROW; TAP(0, R12, A0); TAP(1, R11, A1)
	NEXTROW; TAP(0, R13, A0); TAP(1, R12, A1); TAP(2, R11, A2)
	NEXTROW; TAP(0, R14, A0); TAP(1, R13, A1); TAP(2, R12, A2); TAP(3, R11, A3)
	NEXTROW; TAP(0, R15, A0); TAP(1, R14, A1); TAP(2, R13, A2); TAP(3, R12, A3); TAP(4, R11, A4)
	NEXTROW; TAP(1, R15, A1); TAP(2, R14, A2); TAP(3, R13, A3); TAP(4, R12, A4); TAP(5, R11, A5)
	NEXTROW; TAP(2, R15, A2); TAP(3, R14, A3); TAP(4, R13, A4); TAP(5, R12, A5); TAP(6, R11, A6)
	NEXTROW; TAP(3, R15, A3); TAP(4, R14, A4); TAP(5, R13, A5); TAP(6, R12, A6); TAP(7, R11, A7)
	NEXTROW; TAP(4, R15, A4); TAP(5, R14, A5); TAP(6, R13, A6); TAP(7, R12, A7)
	NEXTROW; TAP(5, R15, A5); TAP(6, R14, A6); TAP(7, R13, A7)
	NEXTROW; TAP(6, R15, A6); TAP(7, R14, A7)
	NEXTROW; TAP(7, R15, A7)
	CMPQ AX, terms+56(FP)
	JLT  row

recurrence:
	MOVQ near+64(FP), R11
	MOVQ far+72(FP), R12
	CMPQ dir+120(FP), $0
	JLT  backward
	RECUR(0, S2, S1, A0)
	RECUR(1, S1, A0, A1)
	RECUR(2, A0, A1, A2)
	RECUR(3, A1, A2, A3)
	RECUR(4, A2, A3, A4)
	RECUR(5, A3, A4, A5)
	RECUR(6, A4, A5, A6)
	RECUR(7, A5, A6, A7)
	VMOVAPS A6, S2
	VMOVAPS A7, S1
	JMP  store

backward:
	RECUR(7, S2, S1, A7)
	RECUR(6, S1, A7, A6)
	RECUR(5, A7, A6, A5)
	RECUR(4, A6, A5, A4)
	RECUR(3, A5, A4, A3)
	RECUR(2, A4, A3, A2)
	RECUR(1, A3, A2, A1)
	RECUR(0, A2, A1, A0)
	VMOVAPS A1, S2
	VMOVAPS A0, S1

store:
	MOVQ DI, R11
	PUT  A0, (R11); ADDQ R8, R11
	PUT  A1, (R11); ADDQ R8, R11
	PUT  A2, (R11); ADDQ R8, R11
	PUT  A3, (R11); ADDQ R8, R11
	PUT  A4, (R11); ADDQ R8, R11
	PUT  A5, (R11); ADDQ R8, R11
	PUT  A6, (R11); ADDQ R8, R11
	PUT  A7, (R11)
	MOVQ dir+120(FP), R12
	MOVQ R8, R13
	IMULQ R12, R13
	SHLQ $3, R13
	SHLQ $5, R12
	MOVE(R12, R13)
	DECQ CX
	JNE  block
	KEEP
	VZEROUPPER
	RET

TEXT ONE(SB), NOSPLIT, $8-128
	HEAD

point:
	MOVQ src+8(FP), R11
	PUT  (R11), A0
	CMPQ scaled+112(FP), $0
	JEQ  gather
	MOVQ d+16(FP), R12
	SCALE(0, A0)

gather:
	XORL AX, AX
	CMPQ AX, terms+56(FP)
	JGE  recurrence

row:
	FIVE
	NEXTROW; TAP(0, R11, A0)
	NEXTROW; TAP(0, R12, A0)
	NEXTROW; TAP(0, R13, A0)
	NEXTROW; TAP(0, R14, A0)
	NEXTROW; TAP(0, R15, A0)
	CMPQ AX, terms+56(FP)
	JLT  row

recurrence:
	MOVQ near+64(FP), R11
	MOVQ far+72(FP), R12
	RECUR(0, S2, S1, A0)
	VMOVAPS S1, S2
	VMOVAPS A0, S1
	PUT  A0, (DI)
	MOVQ dir+120(FP), R12
	MOVQ R8, R13
	IMULQ R12, R13
	SHLQ $2, R12
	MOVE(R12, R13)
	DECQ CX
	JNE  point
	KEEP
	VZEROUPPER
	RET

// BAND does the recurrence of any length r: R11 runs over the coefficients of a point, R12
// over the points before it, up to the last one, which is in S1.
TEXT BAND(SB), NOSPLIT, $8-56
	MOVQ v+0(FP), DI
	MOVQ c+8(FP), SI
	MOVQ rows+16(FP), CX
	MOVQ r+24(FP), DX
	MOVQ move+32(FP), R8
	MOVQ moveC+40(FP), R9
	MOVQ next+48(FP), R10
	FLUSH(AX)
	MOVQ  R8, R13
	IMULQ DX, R13
	NEGQ  R13 // from a point to the first that it needs
	MOVQ  DI, R12
	SUBQ  R8, R12
	PUT   (R12), S1
	DECQ  DX

point:
	PUT   (DI), A0
	MOVQ  SI, R11
	LEAQ  (DI)(R13*1), R12
	MOVQ  DX, BX
	TESTQ BX, BX
	JEQ   last

tap:
	PUT  (R12), P
	TAP(0, R11, A0)
	ADDQ R10, R11
	ADDQ R8, R12
	DECQ BX
	JNE  tap

last:
	VMOVAPS S1, P
	TAP(0, R11, A0)
	PUT     A0, (DI)
	VMOVAPS A0, S1
	ADDQ    R8, DI
	ADDQ    R9, SI
	DECQ    CX
	JNE     point
	KEEP
	VZEROUPPER
	RET

// ROWS multiplies rows of a panel by the elements of d.
TEXT ROWS(SB), NOSPLIT, $8-32
	MOVQ v+0(FP), DI
	MOVQ d+8(FP), R12
	MOVQ rows+16(FP), CX
	MOVQ stride+24(FP), R8
	FLUSH(AX)

row:
	PUT  (DI), A0
	SCALE(0, A0)
	PUT  A0, (DI)
	ADDQ R8, DI
	ADDQ $4, R12
	DECQ CX
	JNE  row
	KEEP
	VZEROUPPER
	RET

#undef HEAD
#undef FIVE
#undef NEXTROW
#undef TAP
#undef SCALE
#undef RECUR
#undef MOVE
#undef EIGHT
#undef ONE
#undef BAND
#undef ROWS
#undef PUT
#undef A0
#undef A1
#undef A2
#undef A3
#undef A4
#undef A5
#undef A6
#undef A7
#undef S1
#undef S2
#undef P
#undef T
