//go:build !purego

#include "textflag.h"

// The loops of frequent_amd64.s for four vectors at a time: element i of x, t, u and
// the sums is four numbers. The plain twins are in frequent_block.go.

// func blockDots64(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)
TEXT ·blockDots64(SB), NOSPLIT, $0-56
	MOVQ t+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	MOVLQZX (R8), CX
	MOVWQZX (R9), R11
	ADDQ    $4, R8
	ADDQ    $2, R9
	SHLQ    $5, R11
	VXORPD  Y0, Y0, Y0
	VXORPD  Y1, Y1, Y1
	SUBQ    $2, CX
	JLT     rest

two:
	MOVWQZX      (SI), R12
	SHLQ         $5, R12
	VBROADCASTSD (DX), Y4
	VMULPD       (BX)(R12*1), Y4, Y4
	VADDPD       Y4, Y0, Y0
	MOVWQZX      2(SI), R13
	SHLQ         $5, R13
	VBROADCASTSD 8(DX), Y4
	VMULPD       (BX)(R13*1), Y4, Y4
	VADDPD       Y4, Y1, Y1
	ADDQ         $4, SI
	ADDQ         $16, DX
	SUBQ         $2, CX
	JGE          two

rest:
	ADDQ         $2, CX
	JEQ          done
	MOVWQZX      (SI), R12
	SHLQ         $5, R12
	VBROADCASTSD (DX), Y4
	VMULPD       (BX)(R12*1), Y4, Y4
	VADDPD       Y4, Y0, Y0
	ADDQ         $2, SI
	ADDQ         $8, DX

done:
	VADDPD  Y1, Y0, Y0
	VADDPD  (DI)(R11*1), Y0, Y0
	VMOVUPD Y0, (DI)(R11*1)

test:
	DECQ R10
	JGE  row
	VZEROUPPER
	RET

// func blockScatter64(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float64)
TEXT ·blockScatter64(SB), NOSPLIT, $0-56
	MOVQ s+0(FP), BX
	MOVQ u+8(FP), DI
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	MOVLQZX (R8), CX
	MOVWQZX (R9), R11
	ADDQ    $4, R8
	ADDQ    $2, R9
	SHLQ    $5, R11
	VMOVUPD (DI)(R11*1), Y0
	TESTQ   CX, CX
	JEQ     test

one:
	MOVWQZX      (SI), R12
	SHLQ         $5, R12
	VBROADCASTSD (DX), Y4
	VMULPD       Y0, Y4, Y4
	VADDPD       (BX)(R12*1), Y4, Y4
	VMOVUPD      Y4, (BX)(R12*1)
	ADDQ         $2, SI
	ADDQ         $8, DX
	DECQ         CX
	JNE          one

test:
	DECQ R10
	JGE  row
	VZEROUPPER
	RET

// func blockEntries64(y, x *float64, sy, sx int, yi, xi *uint16, n int, val *float64)
TEXT ·blockEntries64(SB), NOSPLIT, $0-64
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ sy+16(FP), R8
	MOVQ sx+24(FP), R10
	MOVQ yi+32(FP), R9
	MOVQ xi+40(FP), SI
	MOVQ n+48(FP), CX
	MOVQ val+56(FP), DX
	SHLQ $3, R8
	SHLQ $3, R10
	JMP  test

one:
	MOVWQZX      (SI), R12
	MOVWQZX      (R9), R13
	IMULQ        R10, R12
	IMULQ        R8, R13
	VBROADCASTSD (DX), Y4
	VMULPD       (BX)(R12*1), Y4, Y4
	VADDPD       (DI)(R13*1), Y4, Y4
	VMOVUPD      Y4, (DI)(R13*1)
	ADDQ         $2, SI
	ADDQ         $2, R9
	ADDQ         $8, DX

test:
	DECQ CX
	JGE  one
	VZEROUPPER
	RET

// func blockDots32(t, x *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)
TEXT ·blockDots32(SB), NOSPLIT, $0-56
	MOVQ t+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	MOVLQZX (R8), CX
	MOVWQZX (R9), R11
	ADDQ    $4, R8
	ADDQ    $2, R9
	SHLQ    $5, R11
	VXORPD  Y0, Y0, Y0
	VXORPD  Y1, Y1, Y1
	SUBQ    $2, CX
	JLT     rest

two:
	MOVWQZX      (SI), R12
	SHLQ         $5, R12
	VMOVSS       (DX), X4
	VCVTSS2SD    X4, X4, X4
	VBROADCASTSD X4, Y4
	VMULPD       (BX)(R12*1), Y4, Y4
	VADDPD       Y4, Y0, Y0
	MOVWQZX      2(SI), R13
	SHLQ         $5, R13
	VMOVSS       4(DX), X4
	VCVTSS2SD    X4, X4, X4
	VBROADCASTSD X4, Y4
	VMULPD       (BX)(R13*1), Y4, Y4
	VADDPD       Y4, Y1, Y1
	ADDQ         $4, SI
	ADDQ         $8, DX
	SUBQ         $2, CX
	JGE          two

rest:
	ADDQ         $2, CX
	JEQ          done
	MOVWQZX      (SI), R12
	SHLQ         $5, R12
	VMOVSS       (DX), X4
	VCVTSS2SD    X4, X4, X4
	VBROADCASTSD X4, Y4
	VMULPD       (BX)(R12*1), Y4, Y4
	VADDPD       Y4, Y0, Y0
	ADDQ         $2, SI
	ADDQ         $4, DX

done:
	VADDPD  Y1, Y0, Y0
	VADDPD  (DI)(R11*1), Y0, Y0
	VMOVUPD Y0, (DI)(R11*1)

test:
	DECQ R10
	JGE  row
	VZEROUPPER
	RET

// func blockScatter32(s, u *float64, row *uint16, length *int32, rows int, col *uint16, val *float32)
TEXT ·blockScatter32(SB), NOSPLIT, $0-56
	MOVQ s+0(FP), BX
	MOVQ u+8(FP), DI
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	MOVQ val+48(FP), DX
	JMP  test

row:
	MOVLQZX (R8), CX
	MOVWQZX (R9), R11
	ADDQ    $4, R8
	ADDQ    $2, R9
	SHLQ    $5, R11
	VMOVUPD (DI)(R11*1), Y0
	TESTQ   CX, CX
	JEQ     test

one:
	MOVWQZX      (SI), R12
	SHLQ         $5, R12
	VMOVSS       (DX), X4
	VCVTSS2SD    X4, X4, X4
	VBROADCASTSD X4, Y4
	VMULPD       Y0, Y4, Y4
	VADDPD       (BX)(R12*1), Y4, Y4
	VMOVUPD      Y4, (BX)(R12*1)
	ADDQ         $2, SI
	ADDQ         $4, DX
	DECQ         CX
	JNE          one

test:
	DECQ R10
	JGE  row
	VZEROUPPER
	RET

// func blockEntries32(y, x *float64, sy, sx int, yi, xi *uint16, n int, val *float32)
TEXT ·blockEntries32(SB), NOSPLIT, $0-64
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ sy+16(FP), R8
	MOVQ sx+24(FP), R10
	MOVQ yi+32(FP), R9
	MOVQ xi+40(FP), SI
	MOVQ n+48(FP), CX
	MOVQ val+56(FP), DX
	SHLQ $3, R8
	SHLQ $3, R10
	JMP  test

one:
	MOVWQZX      (SI), R12
	MOVWQZX      (R9), R13
	IMULQ        R10, R12
	IMULQ        R8, R13
	VMOVSS       (DX), X4
	VCVTSS2SD    X4, X4, X4
	VBROADCASTSD X4, Y4
	VMULPD       (BX)(R12*1), Y4, Y4
	VADDPD       (DI)(R13*1), Y4, Y4
	VMOVUPD      Y4, (DI)(R13*1)
	ADDQ         $2, SI
	ADDQ         $2, R9
	ADDQ         $4, DX

test:
	DECQ CX
	JGE  one
	VZEROUPPER
	RET

// func blockDots1(t, x *float64, row *uint16, length *int32, rows int, col *uint16)
TEXT ·blockDots1(SB), NOSPLIT, $0-48
	MOVQ t+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	JMP  test

row:
	MOVLQZX (R8), CX
	MOVWQZX (R9), R11
	ADDQ    $4, R8
	ADDQ    $2, R9
	SHLQ    $5, R11
	VXORPD  Y0, Y0, Y0
	VXORPD  Y1, Y1, Y1
	SUBQ    $2, CX
	JLT     rest

two:
	MOVWQZX (SI), R12
	SHLQ    $5, R12
	VADDPD  (BX)(R12*1), Y0, Y0
	MOVWQZX 2(SI), R13
	SHLQ    $5, R13
	VADDPD  (BX)(R13*1), Y1, Y1
	ADDQ    $4, SI
	SUBQ    $2, CX
	JGE     two

rest:
	ADDQ    $2, CX
	JEQ     done
	MOVWQZX (SI), R12
	SHLQ    $5, R12
	VADDPD  (BX)(R12*1), Y0, Y0
	ADDQ    $2, SI

done:
	VADDPD  Y1, Y0, Y0
	VADDPD  (DI)(R11*1), Y0, Y0
	VMOVUPD Y0, (DI)(R11*1)

test:
	DECQ R10
	JGE  row
	VZEROUPPER
	RET

// func blockScatter1(s, u *float64, row *uint16, length *int32, rows int, col *uint16)
TEXT ·blockScatter1(SB), NOSPLIT, $0-48
	MOVQ s+0(FP), BX
	MOVQ u+8(FP), DI
	MOVQ row+16(FP), R9
	MOVQ length+24(FP), R8
	MOVQ rows+32(FP), R10
	MOVQ col+40(FP), SI
	JMP  test

row:
	MOVLQZX (R8), CX
	MOVWQZX (R9), R11
	ADDQ    $4, R8
	ADDQ    $2, R9
	SHLQ    $5, R11
	VMOVUPD (DI)(R11*1), Y0
	TESTQ   CX, CX
	JEQ     test

one:
	MOVWQZX (SI), R12
	SHLQ    $5, R12
	VADDPD  (BX)(R12*1), Y0, Y4
	VMOVUPD Y4, (BX)(R12*1)
	ADDQ    $2, SI
	DECQ    CX
	JNE     one

test:
	DECQ R10
	JGE  row
	VZEROUPPER
	RET

// func blockEntries1(y, x *float64, sy, sx int, yi, xi *uint16, n int)
TEXT ·blockEntries1(SB), NOSPLIT, $0-56
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), BX
	MOVQ sy+16(FP), R8
	MOVQ sx+24(FP), R10
	MOVQ yi+32(FP), R9
	MOVQ xi+40(FP), SI
	MOVQ n+48(FP), CX
	SHLQ $3, R8
	SHLQ $3, R10
	JMP  test

one:
	MOVWQZX (SI), R12
	MOVWQZX (R9), R13
	IMULQ   R10, R12
	IMULQ   R8, R13
	VMOVUPD (BX)(R12*1), Y4
	VADDPD  (DI)(R13*1), Y4, Y4
	VMOVUPD Y4, (DI)(R13*1)
	ADDQ    $2, SI
	ADDQ    $2, R9

test:
	DECQ CX
	JGE  one
	VZEROUPPER
	RET
