//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"

// Sums of shifted rows in single precision, in registers of 256 bits: 64 elements of the
// result at a time stay in them over all terms.

// TERM loads coefficient AX into Y15 and the address of its row into DX.
#define TERM \
	MOVQ         (R9)(AX*8), DX  \
	VBROADCASTSS (R8)(AX*4), Y15 \
	LEAQ         (SI)(DX*4), DX

#define MULADD(b, s) VFMADD231PS b(DX), Y15, s

// func shiftedSumSingle(out *float32, n int, c *float32, at *int, taps int, x *float32)
TEXT ·shiftedSumSingle(SB), NOSPLIT, $8-48
	MOVQ out+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ c+16(FP), R8
	MOVQ at+24(FP), R9
	MOVQ taps+32(FP), R10
	MOVQ    x+40(FP), SI
	FLUSH(AX)
	SUBQ $64, CX
	JLT  rest

wide:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 (AHEAD+64)(DI)
	PREFETCHT0 (AHEAD+128)(DI)
	PREFETCHT0 (AHEAD+192)(DI)
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
	VMOVUPS Y0, (DI)
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

eight:
	VXORPS  Y0, Y0, Y0
	XORL AX, AX

eightterm:
	TERM
	MULADD(0, Y0)
	INCQ AX
	CMPQ AX, R10
	JLT  eightterm
	VMOVUPS Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	SUBQ $8, CX
	JGE  eight

few:
	ADDQ $8, CX
	JEQ  done

one:
	VXORPS X0, X0, X0
	XORL AX, AX

oneterm:
	TERM
	VFMADD231SS (DX), X15, X0
	INCQ   AX
	CMPQ   AX, R10
	JLT    oneterm
	VMOVSS X0, (DI)
	ADDQ   $4, DI
	ADDQ   $4, SI
	DECQ   CX
	JNE    one

done:
	KEEP
	VZEROUPPER
	RET
