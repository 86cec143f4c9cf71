// One strip of columns of HadamardPanelSingle or, with DOUBLE, of HadamardPanel: W bytes of a
// row are in a register of the kind that W needs. CA and CB hold a and b. Sixteen rows are more
// than there is room for: the transforms go by four rows, those between in memory at R11. SI
// and DI are at the row of x and of dst, R8 bytes apart, DX and R9 at the elements of v and d,
// R10 is twelve rows.

#ifdef DOUBLE
#define E 8
#define BROADCAST VBROADCASTSD
#define MOVE VMOVUPD
#define ADD VADDPD
#define SUB VSUBPD
#define MUL VMULPD
#else
#define E 4
#define BROADCAST VBROADCASTSS
#define MOVE VMOVUPS
#define ADD VADDPS
#define SUB VSUBPS
#define MUL VMULPS
#endif

#ifdef XMM
#define W 16
#define ROOM 280
#define FRAME $280-64
#define A0 X0
#define A1 X1
#define A2 X2
#define A3 X3
#define A4 X4
#define A5 X5
#define A6 X6
#define A7 X7
#define CA X8
#define CB X9
#undef XMM
#endif

#ifdef YMM
#define W 32
#define ROOM 552
#define FRAME $552-64
#define A0 Y0
#define A1 Y1
#define A2 Y2
#define A3 Y3
#define A4 Y4
#define A5 Y5
#define A6 Y6
#define A7 Y7
#define CA Y8
#define CB Y9
#undef YMM
#endif

#ifdef ZMM
#define W 64
#define ROOM 1096
#define FRAME $1096-64
#define A0 Z0
#define A1 Z1
#define A2 Z2
#define A3 Z3
#define A4 Z4
#define A5 Z5
#define A6 Z6
#define A7 Z7
#define CA Z8
#define CB Z9
#undef ZMM
#endif

// FOURS transforms A0 … A3.
#define FOURS \
	ADD       A1, A0, A4 \
	SUB       A1, A0, A5 \
	ADD       A3, A2, A6 \
	SUB       A3, A2, A7 \
	ADD       A6, A4, A0 \
	ADD       A7, A5, A1 \
	SUB       A6, A4, A2 \
	SUB       A7, A5, A3

// FIRST does rows j, j+4, j+8 and j+12 of x + v·aᵀ.
#define FIRST(j) \
	BROADCAST (E*j)(DX), A0       \
	BROADCAST (E*(j+4))(DX), A1   \
	BROADCAST (E*(j+8))(DX), A2   \
	BROADCAST (E*(j+12))(DX), A3  \
	MUL       CA, A0, A0          \
	MUL       CA, A1, A1          \
	MUL       CA, A2, A2          \
	MUL       CA, A3, A3          \
	ADD       (SI), A0, A0        \
	ADD       (SI)(R8*4), A1, A1  \
	ADD       (SI)(R8*8), A2, A2  \
	ADD       (SI)(R10*1), A3, A3 \
	FOURS                         \
	MOVE      A0, (W*j)(R11)      \
	MOVE      A1, (W*(j+4))(R11)  \
	MOVE      A2, (W*(j+8))(R11)  \
	MOVE      A3, (W*(j+12))(R11) \
	ADDQ      R8, SI

// MIDDLE does rows j … j+3: the end of the first transform, D, the begin of the second.
#define MIDDLE(j) \
	MOVE      (W*j)(R11), A0     \
	MOVE      (W*(j+1))(R11), A1 \
	MOVE      (W*(j+2))(R11), A2 \
	MOVE      (W*(j+3))(R11), A3 \
	FOURS                        \
	BROADCAST (E*j)(R9), A4      \
	BROADCAST (E*(j+1))(R9), A5  \
	BROADCAST (E*(j+2))(R9), A6  \
	BROADCAST (E*(j+3))(R9), A7  \
	MUL       A4, A0, A0         \
	MUL       A5, A1, A1         \
	MUL       A6, A2, A2         \
	MUL       A7, A3, A3         \
	FOURS                        \
	MOVE      A0, (W*j)(R11)     \
	MOVE      A1, (W*(j+1))(R11) \
	MOVE      A2, (W*(j+2))(R11) \
	MOVE      A3, (W*(j+3))(R11)

// FINAL does rows j, j+4, j+8 and j+12 and adds v·bᵀ.
#define FINAL(j) \
	MOVE      (W*j)(R11), A0      \
	MOVE      (W*(j+4))(R11), A1  \
	MOVE      (W*(j+8))(R11), A2  \
	MOVE      (W*(j+12))(R11), A3 \
	FOURS                         \
	BROADCAST (E*j)(DX), A4       \
	BROADCAST (E*(j+4))(DX), A5   \
	BROADCAST (E*(j+8))(DX), A6   \
	BROADCAST (E*(j+12))(DX), A7  \
	MUL       CB, A4, A4          \
	MUL       CB, A5, A5          \
	MUL       CB, A6, A6          \
	MUL       CB, A7, A7          \
	ADD       A4, A0, A0          \
	ADD       A5, A1, A1          \
	ADD       A6, A2, A2          \
	ADD       A7, A3, A3          \
	MOVE      A0, (DI)            \
	MOVE      A1, (DI)(R8*4)      \
	MOVE      A2, (DI)(R8*8)      \
	MOVE      A3, (DI)(R10*1)     \
	ADDQ      R8, DI

// FETCH asks for four rows R13 bytes on, a later group.
#define FETCH(at) \
	LEAQ       (at)(R13*1), AX \
	PREFETCHT0 (AX)            \
	PREFETCHT0 (AX)(R8*4)      \
	PREFETCHT0 (AX)(R8*8)      \
	PREFETCHT0 (AX)(R10*1)

// func(dst, x *F, stride int, v, d, a, b *F, groups int)
TEXT NAME(SB), 0, FRAME
	MOVQ    dst+0(FP), DI
	MOVQ    x+8(FP), SI
	MOVQ    stride+16(FP), R8
	MOVQ    v+24(FP), DX
	MOVQ    d+32(FP), R9
	MOVQ    a+40(FP), AX
	MOVQ    b+48(FP), BX
	MOVQ    groups+56(FP), CX
	MOVE    (AX), CA
	MOVE    (BX), CB
	LEAQ    (R8)(R8*2), R10
	SHLQ    $2, R10
	MOVQ    R8, R13 // the next group, if that is far enough
	SHLQ    $4, R13
	MOVQ    $AHEAD, AX
	CMPQ    R13, AX
	CMOVQLT AX, R13
	LEAQ    room-ROOM(SP), R11
	ADDQ    $(W-1), R11
	ANDQ    $~(W-1), R11
	FLUSH(R15)

group:
	FETCH(SI)
	FIRST(0)
	FETCH(SI)
	FIRST(1)
	FETCH(SI)
	FIRST(2)
	FETCH(SI)
	FIRST(3)
	MIDDLE(0)
	MIDDLE(4)
	MIDDLE(8)
	MIDDLE(12)
	FETCH(DI)
	FINAL(0)
	FETCH(DI)
	FINAL(1)
	FETCH(DI)
	FINAL(2)
	FETCH(DI)
	FINAL(3)
	ADDQ R10, SI
	ADDQ R10, DI
	ADDQ $(16*E), DX
	ADDQ $(16*E), R9
	DECQ CX
	JNZ  group
	KEEP
	VZEROUPPER
	RET

#undef NAME
#undef FRAME
#undef ROOM
#undef W
#undef E
#undef BROADCAST
#undef MOVE
#undef ADD
#undef SUB
#undef MUL
#undef A0
#undef A1
#undef A2
#undef A3
#undef A4
#undef A5
#undef A6
#undef A7
#undef CA
#undef CB
#undef FOURS
#undef FIRST
#undef MIDDLE
#undef FINAL
#undef FETCH
