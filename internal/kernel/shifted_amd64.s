//go:build !purego

#include "textflag.h"

// The loop of shifted_amd64.go: 32 elements of the result in registers over all
// terms, then four at a time, then the rest under a mask. Terms are added in the
// order of the plain twin, with every product and sum rounded.

DATA  tailMask<>+0(SB)/8, $-1
DATA  tailMask<>+8(SB)/8, $-1
DATA  tailMask<>+16(SB)/8, $-1
DATA  tailMask<>+24(SB)/8, $0
DATA  tailMask<>+32(SB)/8, $0
DATA  tailMask<>+40(SB)/8, $0
GLOBL tailMask<>(SB), RODATA|NOPTR, $48

// TERM loads coefficient AX into Y15 and the address of its row into DX.
#define TERM \
	MOVQ         (R9)(AX*8), DX  \
	VBROADCASTSD (R8)(AX*8), Y15 \
	LEAQ         (SI)(DX*8), DX

// MULADD adds the product of Y15 and four elements of the row to s.
#define MULADD(b, t, s) \
	VMULPD b(DX), Y15, t \
	VADDPD t, s, s

// func shiftedSumAVX2(out *float64, n int, c *float64, at *int, taps int, x *float64, add bool)
TEXT ·shiftedSumAVX2(SB), NOSPLIT, $0-49
	MOVQ    out+0(FP), DI
	MOVQ    n+8(FP), CX
	MOVQ    c+16(FP), R8
	MOVQ    at+24(FP), R9
	MOVQ    taps+32(FP), R10
	MOVQ    x+40(FP), SI
	MOVBLZX add+48(FP), R11
	SUBQ    $32, CX
	JLT     rest

wide:
	TESTL   R11, R11
	JEQ     widezero
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	VMOVUPD 128(DI), Y4
	VMOVUPD 160(DI), Y5
	VMOVUPD 192(DI), Y6
	VMOVUPD 224(DI), Y7
	JMP     widesum

widezero:
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7

widesum:
	XORL AX, AX

wideterm:
	TERM
	MULADD(0, Y8, Y0)
	MULADD(32, Y9, Y1)
	MULADD(64, Y10, Y2)
	MULADD(96, Y11, Y3)
	MULADD(128, Y8, Y4)
	MULADD(160, Y9, Y5)
	MULADD(192, Y10, Y6)
	MULADD(224, Y11, Y7)
	INCQ AX
	CMPQ AX, R10
	JLT  wideterm

	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	VMOVUPD Y4, 128(DI)
	VMOVUPD Y5, 160(DI)
	VMOVUPD Y6, 192(DI)
	VMOVUPD Y7, 224(DI)
	ADDQ $256, SI
	ADDQ $256, DI
	SUBQ $32, CX
	JGE  wide

rest:
	ADDQ $28, CX
	JLT  tail

four:
	VXORPD  Y0, Y0, Y0
	TESTL   R11, R11
	JEQ     foursum
	VMOVUPD (DI), Y0

foursum:
	XORL AX, AX

fourterm:
	TERM
	MULADD(0, Y8, Y0)
	INCQ AX
	CMPQ AX, R10
	JLT  fourterm

	VMOVUPD Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $4, CX
	JGE     four

tail:
	// CX is the number of elements left, less four.
	CMPQ       CX, $-4
	JEQ        done
	LEAQ       tailMask<>(SB), DX
	NEGQ       CX
	VMOVUPD    -8(DX)(CX*8), Y14
	VXORPD     Y0, Y0, Y0
	TESTL      R11, R11
	JEQ        tailsum
	VMASKMOVPD (DI), Y14, Y0

tailsum:
	XORL AX, AX

tailterm:
	TERM
	VMASKMOVPD (DX), Y14, Y8
	VMULPD     Y8, Y15, Y8
	VADDPD     Y8, Y0, Y0
	INCQ       AX
	CMPQ       AX, R10
	JLT        tailterm
	VMASKMOVPD Y0, Y14, (DI)

done:
	VZEROUPPER
	RET
