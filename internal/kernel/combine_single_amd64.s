//go:build !purego

#include "textflag.h"
#include "flush_amd64.h"

// Sums of vectors in single precision: 64 elements of the result at a time stay in
// registers over all terms.

// TERM loads factor AX into Y15 and the address of its vector into DX.
#define TERM \
	MOVQ         (R9)(AX*8), DX  \
	VBROADCASTSS (R8)(AX*4), Y15 \
	ADDQ         SI, DX

#define MULADD(b, s) VFMADD231PS b(DX), Y15, s

// func combineRows8(out *float32, n int, c *float32, v **float32, terms int)
TEXT ·combineRows8(SB), NOSPLIT, $8-40
	MOVQ out+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ c+16(FP), R8
	MOVQ v+24(FP), R9
	MOVQ terms+32(FP), R10
	XORL SI, SI
	FLUSH(AX)
	SUBQ $(64), CX
	JLT  rest

wide:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7
	XORL AX, AX

wideterm:
	TERM
	MULADD(0, Y0)
	MULADD(32, Y1)
	MULADD(64, Y2)
	MULADD(96, Y3)
	MULADD(128, Y4)
	MULADD(160, Y5)
	MULADD(192, Y6)
	MULADD(224, Y7)
	INCQ AX
	CMPQ AX, R10
	JLT  wideterm
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VMOVUPS Y4, 128(DI)
	VMOVUPS Y5, 160(DI)
	VMOVUPS Y6, 192(DI)
	VMOVUPS Y7, 224(DI)
	ADDQ $256, DI
	ADDQ $256, SI
	SUBQ $64, CX
	JGE  wide

rest:
	ADDQ $56, CX
	JLT  few

one:
	VXORPS Y0, Y0, Y0
	XORL AX, AX

oneterm:
	TERM
	MULADD(0, Y0)
	INCQ AX
	CMPQ AX, R10
	JLT  oneterm
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	SUBQ $8, CX
	JGE  one

few:
	ADDQ $8, CX
	JEQ  done

few1:
	VXORPS X0, X0, X0
	XORL   AX, AX

fewterm:
	TERM
	VFMADD231SS (DX), X15, X0
	INCQ AX
	CMPQ AX, R10
	JLT  fewterm
	VMOVSS X0, (DI)
	ADDQ $4, DI
	ADDQ $4, SI
	DECQ CX
	JNE  few1

done:
	KEEP
	VZEROUPPER
	RET
