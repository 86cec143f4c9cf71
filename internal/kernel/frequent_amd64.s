//go:build !purego

#include "textflag.h"

// The loops of frequent.go for rows of 16-bit columns. Products and sums are
// rounded one by one in the order of the plain twins. One row after the other:
//
//	R8  row lengths, R9 numbers of the rows, R10 rows left
//	SI  columns, DX values, CX entries left in the row
//	DI  t or u, BX x or the sums

#define NEXT_ROW \
	MOVLQZX (R8), CX  \
	MOVWQZX (R9), R11 \
	ADDQ    $4, R8    \
	ADDQ    $2, R9

// FOUR gathers x at the next four columns into Y1.
#define FOUR \
	MOVWQZX (SI), R12         \
	MOVWQZX 2(SI), R13        \
	VMOVSD  (BX)(R12*8), X1   \
	MOVWQZX 4(SI), R14        \
	VMOVHPD (BX)(R13*8), X1, X1 \
	MOVWQZX 6(SI), R15        \
	VMOVSD  (BX)(R14*8), X2   \
	VMOVHPD (BX)(R15*8), X2, X2

// STORE_DOT adds (s0+s1)+(s2+s3) to t, with (s0,s1) in X0 and (s2,s3) in X3.
#define STORE_DOT \
	VHADDPD X3, X0, X0        \
	VHADDPD X0, X0, X0        \
	VADDSD  (DI)(R11*8), X0, X0 \
	VMOVSD  X0, (DI)(R11*8)

// func frequentDots64(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)
TEXT ·frequentDots64(SB), NOSPLIT, $0-56
	MOVQ t+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	NEXT_ROW
	VXORPD X0, X0, X0
	VXORPD X3, X3, X3
	SUBQ   $4, CX
	JLT    rest

four:
	FOUR
	VMULPD (DX), X1, X1
	VMULPD 16(DX), X2, X2
	VADDPD X1, X0, X0
	VADDPD X2, X3, X3
	ADDQ   $8, SI
	ADDQ   $32, DX
	SUBQ   $4, CX
	JGE    four

rest:
	ADDQ $4, CX
	JEQ  done

one:
	MOVWQZX (SI), R12
	VMOVSD  (DX), X1
	VMULSD  (BX)(R12*8), X1, X1
	VADDSD  X1, X0, X0
	ADDQ    $2, SI
	ADDQ    $8, DX
	DECQ    CX
	JNE     one

done:
	STORE_DOT

test:
	DECQ R10
	JGE  row
	RET

// func frequentDots32(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)
TEXT ·frequentDots32(SB), NOSPLIT, $0-56
	MOVQ t+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	NEXT_ROW
	VXORPD X0, X0, X0
	VXORPD X3, X3, X3
	SUBQ   $4, CX
	JLT    rest

four:
	FOUR
	VCVTPS2PD (DX), X4
	VCVTPS2PD 8(DX), X5
	VMULPD    X4, X1, X1
	VMULPD    X5, X2, X2
	VADDPD    X1, X0, X0
	VADDPD    X2, X3, X3
	ADDQ      $8, SI
	ADDQ      $16, DX
	SUBQ      $4, CX
	JGE       four

rest:
	ADDQ $4, CX
	JEQ  done

one:
	MOVWQZX   (SI), R12
	VMOVSS    (DX), X1
	VCVTSS2SD X1, X1, X1
	VMULSD    (BX)(R12*8), X1, X1
	VADDSD    X1, X0, X0
	ADDQ      $2, SI
	ADDQ      $4, DX
	DECQ      CX
	JNE       one

done:
	STORE_DOT

test:
	DECQ R10
	JGE  row
	RET

// func frequentDots1(t, x *float64, row *uint16, length *int32, rows int, col *uint16)
TEXT ·frequentDots1(SB), NOSPLIT, $0-48
	MOVQ t+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	JMP  test

row:
	NEXT_ROW
	VXORPD X0, X0, X0
	VXORPD X1, X1, X1
	VXORPD X2, X2, X2
	VXORPD X3, X3, X3
	SUBQ   $4, CX
	JLT    rest

four:
	MOVWQZX (SI), R12
	MOVWQZX 2(SI), R13
	MOVWQZX 4(SI), R14
	MOVWQZX 6(SI), R15
	VADDSD  (BX)(R12*8), X0, X0
	VADDSD  (BX)(R13*8), X1, X1
	VADDSD  (BX)(R14*8), X2, X2
	VADDSD  (BX)(R15*8), X3, X3
	ADDQ    $8, SI
	SUBQ    $4, CX
	JGE     four

rest:
	ADDQ $4, CX
	JEQ  done

one:
	MOVWQZX (SI), R12
	VADDSD  (BX)(R12*8), X0, X0
	ADDQ    $2, SI
	DECQ    CX
	JNE     one

done:
	VADDSD X1, X0, X0
	VADDSD X3, X2, X2
	VADDSD X2, X0, X0
	VADDSD (DI)(R11*8), X0, X0
	VMOVSD X0, (DI)(R11*8)

test:
	DECQ R10
	JGE  row
	RET

// func frequentScatter64(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)
TEXT ·frequentScatter64(SB), NOSPLIT, $0-56
	MOVQ s+0(FP), BX
	MOVQ u+8(FP), DI
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	NEXT_ROW
	VMOVDDUP (DI)(R11*8), X0
	SUBQ     $4, CX
	JLT      rest

four:
	// The columns of a row are distinct: all sums may be loaded first.
	FOUR
	VMULPD  (DX), X0, X4
	VMULPD  16(DX), X0, X5
	VADDPD  X4, X1, X1
	VADDPD  X5, X2, X2
	VMOVSD  X1, (BX)(R12*8)
	VMOVHPD X1, (BX)(R13*8)
	VMOVSD  X2, (BX)(R14*8)
	VMOVHPD X2, (BX)(R15*8)
	ADDQ    $8, SI
	ADDQ    $32, DX
	SUBQ    $4, CX
	JGE     four

rest:
	ADDQ $4, CX
	JEQ  test

one:
	MOVWQZX (SI), R12
	VMULSD  (DX), X0, X1
	VADDSD  (BX)(R12*8), X1, X1
	VMOVSD  X1, (BX)(R12*8)
	ADDQ    $2, SI
	ADDQ    $8, DX
	DECQ    CX
	JNE     one

test:
	DECQ R10
	JGE  row
	RET

// func frequentScatter32(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)
TEXT ·frequentScatter32(SB), NOSPLIT, $0-56
	MOVQ s+0(FP), BX
	MOVQ u+8(FP), DI
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	NEXT_ROW
	VMOVDDUP (DI)(R11*8), X0
	SUBQ     $4, CX
	JLT      rest

four:
	FOUR
	VCVTPS2PD (DX), X4
	VCVTPS2PD 8(DX), X5
	VMULPD    X0, X4, X4
	VMULPD    X0, X5, X5
	VADDPD    X4, X1, X1
	VADDPD    X5, X2, X2
	VMOVSD    X1, (BX)(R12*8)
	VMOVHPD   X1, (BX)(R13*8)
	VMOVSD    X2, (BX)(R14*8)
	VMOVHPD   X2, (BX)(R15*8)
	ADDQ      $8, SI
	ADDQ      $16, DX
	SUBQ      $4, CX
	JGE       four

rest:
	ADDQ $4, CX
	JEQ  test

one:
	MOVWQZX   (SI), R12
	VMOVSS    (DX), X1
	VCVTSS2SD X1, X1, X1
	VMULSD    X0, X1, X1
	VADDSD    (BX)(R12*8), X1, X1
	VMOVSD    X1, (BX)(R12*8)
	ADDQ      $2, SI
	ADDQ      $4, DX
	DECQ      CX
	JNE       one

test:
	DECQ R10
	JGE  row
	RET

// func frequentScatter1(s, u *float64, row *uint16, length *int32, rows int, col *uint16)
TEXT ·frequentScatter1(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), BX
	MOVQ u+8(FP), DI
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	JMP  test

row:
	NEXT_ROW
	VMOVSD (DI)(R11*8), X0
	SUBQ   $4, CX
	JLT    rest

four:
	MOVWQZX (SI), R12
	MOVWQZX 2(SI), R13
	MOVWQZX 4(SI), R14
	MOVWQZX 6(SI), R15
	VADDSD  (BX)(R12*8), X0, X1
	VADDSD  (BX)(R13*8), X0, X2
	VADDSD  (BX)(R14*8), X0, X3
	VADDSD  (BX)(R15*8), X0, X4
	VMOVSD  X1, (BX)(R12*8)
	VMOVSD  X2, (BX)(R13*8)
	VMOVSD  X3, (BX)(R14*8)
	VMOVSD  X4, (BX)(R15*8)
	ADDQ    $8, SI
	SUBQ    $4, CX
	JGE     four

rest:
	ADDQ $4, CX
	JEQ  test

one:
	MOVWQZX (SI), R12
	VADDSD  (BX)(R12*8), X0, X1
	VMOVSD  X1, (BX)(R12*8)
	ADDQ    $2, SI
	DECQ    CX
	JNE     one

test:
	DECQ R10
	JGE  row
	RET

// Entry by entry, in turn: the same y may come again at once.

// func addEntries64(y, x *float64, yi, xi *uint16, n int, val *float64)
TEXT ·addEntries64(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ yi+16(FP), R9
	MOVQ xi+24(FP), SI
	MOVQ n+32(FP), CX
	MOVQ val+40(FP), DX
	SUBQ $2, CX
	JLT  rest

two:
	MOVWQZX (SI), R12
	MOVWQZX (R9), R13
	VMOVSD  (BX)(R12*8), X0
	VMULSD  (DX), X0, X0
	VADDSD  (DI)(R13*8), X0, X0
	VMOVSD  X0, (DI)(R13*8)
	MOVWQZX 2(SI), R12
	MOVWQZX 2(R9), R13
	VMOVSD  (BX)(R12*8), X0
	VMULSD  8(DX), X0, X0
	VADDSD  (DI)(R13*8), X0, X0
	VMOVSD  X0, (DI)(R13*8)
	ADDQ    $4, SI
	ADDQ    $4, R9
	ADDQ    $16, DX
	SUBQ    $2, CX
	JGE     two

rest:
	ADDQ    $2, CX
	JEQ     done
	MOVWQZX (SI), R12
	MOVWQZX (R9), R13
	VMOVSD  (BX)(R12*8), X0
	VMULSD  (DX), X0, X0
	VADDSD  (DI)(R13*8), X0, X0
	VMOVSD  X0, (DI)(R13*8)

done:
	RET

// func addEntries32(y, x *float64, yi, xi *uint16, n int, val *float32)
TEXT ·addEntries32(SB), NOSPLIT, $0-48
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ yi+16(FP), R9
	MOVQ xi+24(FP), SI
	MOVQ n+32(FP), CX
	MOVQ val+40(FP), DX
	SUBQ $2, CX
	JLT  rest

two:
	MOVWQZX   (SI), R12
	MOVWQZX   (R9), R13
	VMOVSS    (DX), X0
	VCVTSS2SD X0, X0, X0
	VMULSD    (BX)(R12*8), X0, X0
	VADDSD    (DI)(R13*8), X0, X0
	VMOVSD    X0, (DI)(R13*8)
	MOVWQZX   2(SI), R12
	MOVWQZX   2(R9), R13
	VMOVSS    4(DX), X0
	VCVTSS2SD X0, X0, X0
	VMULSD    (BX)(R12*8), X0, X0
	VADDSD    (DI)(R13*8), X0, X0
	VMOVSD    X0, (DI)(R13*8)
	ADDQ      $4, SI
	ADDQ      $4, R9
	ADDQ      $8, DX
	SUBQ      $2, CX
	JGE       two

rest:
	ADDQ      $2, CX
	JEQ       done
	MOVWQZX   (SI), R12
	MOVWQZX   (R9), R13
	VMOVSS    (DX), X0
	VCVTSS2SD X0, X0, X0
	VMULSD    (BX)(R12*8), X0, X0
	VADDSD    (DI)(R13*8), X0, X0
	VMOVSD    X0, (DI)(R13*8)

done:
	RET

// func addEntries1(y, x *float64, yi, xi *uint16, n int)
TEXT ·addEntries1(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ yi+16(FP), R9
	MOVQ xi+24(FP), SI
	MOVQ n+32(FP), CX
	SUBQ $2, CX
	JLT  rest

two:
	MOVWQZX (SI), R12
	MOVWQZX (R9), R13
	VMOVSD  (BX)(R12*8), X0
	VADDSD  (DI)(R13*8), X0, X0
	VMOVSD  X0, (DI)(R13*8)
	MOVWQZX 2(SI), R12
	MOVWQZX 2(R9), R13
	VMOVSD  (BX)(R12*8), X0
	VADDSD  (DI)(R13*8), X0, X0
	VMOVSD  X0, (DI)(R13*8)
	ADDQ    $4, SI
	ADDQ    $4, R9
	SUBQ    $2, CX
	JGE     two

rest:
	ADDQ    $2, CX
	JEQ     done
	MOVWQZX (SI), R12
	MOVWQZX (R9), R13
	VMOVSD  (BX)(R12*8), X0
	VADDSD  (DI)(R13*8), X0, X0
	VMOVSD  X0, (DI)(R13*8)

done:
	RET
