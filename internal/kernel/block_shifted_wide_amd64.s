//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"

// The loops of block_shifted_amd64.s in registers of 512 bits; the bits are the same.

// TERM loads coefficient AX into Z15 and the address of its row into DX.
#define TERM \
	MOVQ         (R9)(AX*8), DX  \
	VBROADCASTSS (R8)(AX*4), Z15 \
	LEAQ         (SI)(DX*4), DX

#define MULADD(b, s) VFMADD231PS b(DX), Z15, s

// func shiftedSumSingleWide(out *float32, n int, c *float32, at *int, taps int, x *float32)
TEXT ·shiftedSumSingleWide(SB), NOSPLIT, $8-48
	MOVQ    out+0(FP), DI
	MOVQ    n+8(FP), CX
	MOVQ    c+16(FP), R8
	MOVQ    at+24(FP), R9
	MOVQ    taps+32(FP), R10
	MOVQ    x+40(FP), SI
	FLUSH(AX)
	SUBQ    $128, CX
	JLT     rest

wide:
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7
	XORL AX, AX

wideterm:
	TERM
	MULADD(0, Z0)
	MULADD(64, Z1)
	MULADD(128, Z2)
	MULADD(192, Z3)
	MULADD(256, Z4)
	MULADD(320, Z5)
	MULADD(384, Z6)
	MULADD(448, Z7)
	INCQ AX
	CMPQ AX, R10
	JLT  wideterm
	VMOVUPS Z0, (DI)
	VMOVUPS Z1, 64(DI)
	VMOVUPS Z2, 128(DI)
	VMOVUPS Z3, 192(DI)
	VMOVUPS Z4, 256(DI)
	VMOVUPS Z5, 320(DI)
	VMOVUPS Z6, 384(DI)
	VMOVUPS Z7, 448(DI)
	ADDQ $512, DI
	ADDQ $512, SI
	SUBQ $128, CX
	JGE  wide

rest:
	ADDQ $112, CX
	JLT  few

sixteen:
	VPXORQ  Z0, Z0, Z0
	XORL AX, AX

sixteenterm:
	TERM
	MULADD(0, Z0)
	INCQ AX
	CMPQ AX, R10
	JLT  sixteenterm
	VMOVUPS Z0, (DI)
	ADDQ $64, DI
	ADDQ $64, SI
	SUBQ $16, CX
	JGE  sixteen

few:
	ADDQ $16, CX
	JEQ  done

	// The last ones under a mask, which keeps from reading beyond the end.
	MOVL   $1, AX
	SHLL   CX, AX
	DECL   AX
	KMOVW  AX, K1
	VPXORQ Z0, Z0, Z0
	XORL AX, AX

fewterm:
	TERM
	VFMADD231PS (DX), Z15, K1, Z0
	INCQ AX
	CMPQ AX, R10
	JLT  fewterm
	VMOVUPS Z0, K1, (DI)

done:
	KEEP
	VZEROUPPER
	RET
