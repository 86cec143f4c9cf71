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

// func shiftedSumSingleWide(out *float32, n int, c *float32, at *int, taps int, x *float32, add bool)
TEXT ·shiftedSumSingleWide(SB), NOSPLIT, $8-49
	MOVQ    out+0(FP), DI
	MOVQ    n+8(FP), CX
	MOVQ    c+16(FP), R8
	MOVQ    at+24(FP), R9
	MOVQ    taps+32(FP), R10
	MOVQ    x+40(FP), SI
	MOVBLZX add+48(FP), R11
	FLUSH(AX)
	SUBQ    $128, CX
	JLT     rest

wide:
	TESTL R11, R11
	JEQ   widezero
	VMOVUPS (DI), Z0
	VMOVUPS 64(DI), Z1
	VMOVUPS 128(DI), Z2
	VMOVUPS 192(DI), Z3
	VMOVUPS 256(DI), Z4
	VMOVUPS 320(DI), Z5
	VMOVUPS 384(DI), Z6
	VMOVUPS 448(DI), Z7
	JMP widesum

widezero:
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	VPXORQ Z2, Z2, Z2
	VPXORQ Z3, Z3, Z3
	VPXORQ Z4, Z4, Z4
	VPXORQ Z5, Z5, Z5
	VPXORQ Z6, Z6, Z6
	VPXORQ Z7, Z7, Z7

widesum:
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
	TESTL   R11, R11
	JEQ     sixteensum
	VMOVUPS (DI), Z0

sixteensum:
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
	TESTL  R11, R11
	JEQ    fewsum
	VMOVUPS.Z (DI), K1, Z0

fewsum:
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

DATA  pairs<>+0(SB)/4, $0
DATA  pairs<>+4(SB)/4, $0
DATA  pairs<>+8(SB)/4, $0
DATA  pairs<>+12(SB)/4, $0
DATA  pairs<>+16(SB)/4, $0
DATA  pairs<>+20(SB)/4, $0
DATA  pairs<>+24(SB)/4, $0
DATA  pairs<>+28(SB)/4, $0
DATA  pairs<>+32(SB)/4, $1
DATA  pairs<>+36(SB)/4, $1
DATA  pairs<>+40(SB)/4, $1
DATA  pairs<>+44(SB)/4, $1
DATA  pairs<>+48(SB)/4, $1
DATA  pairs<>+52(SB)/4, $1
DATA  pairs<>+56(SB)/4, $1
DATA  pairs<>+60(SB)/4, $1
GLOBL pairs<>(SB), RODATA|NOPTR, $64

DATA  two<>+0(SB)/4, $2
GLOBL two<>(SB), RODATA|NOPTR, $4

// The weights of sixteen rows are spread over eight registers by Z16 … Z23, which hold
// 2i eight times and then 2i+1 eight times.
//
// func weightedSumSingle8Wide(out *float32, n int, c *float32, at *int, taps int, x, w *float32)
TEXT ·weightedSumSingle8Wide(SB), NOSPLIT, $8-56
	MOVQ out+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ c+16(FP), R8
	MOVQ at+24(FP), R9
	MOVQ taps+32(FP), R10
	MOVQ x+40(FP), SI
	MOVQ w+48(FP), R11
	FLUSH(AX)
	SUBQ $16, CX
	JLT  rest
	VPBROADCASTD two<>(SB), Z24
	VMOVDQU32 pairs<>(SB), Z16
	VPADDD Z24, Z16, Z17
	VPADDD Z24, Z17, Z18
	VPADDD Z24, Z18, Z19
	VPADDD Z24, Z19, Z20
	VPADDD Z24, Z20, Z21
	VPADDD Z24, Z21, Z22
	VPADDD Z24, Z22, Z23

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
	VMOVUPS (R11), Z14
	VPERMPS Z14, Z16, Z8
	VMULPS Z0, Z8, Z0
	VMOVUPS Z0, (DI)
	VPERMPS Z14, Z17, Z9
	VMULPS Z1, Z9, Z1
	VMOVUPS Z1, 64(DI)
	VPERMPS Z14, Z18, Z10
	VMULPS Z2, Z10, Z2
	VMOVUPS Z2, 128(DI)
	VPERMPS Z14, Z19, Z11
	VMULPS Z3, Z11, Z3
	VMOVUPS Z3, 192(DI)
	VPERMPS Z14, Z20, Z8
	VMULPS Z4, Z8, Z4
	VMOVUPS Z4, 256(DI)
	VPERMPS Z14, Z21, Z9
	VMULPS Z5, Z9, Z5
	VMOVUPS Z5, 320(DI)
	VPERMPS Z14, Z22, Z10
	VMULPS Z6, Z10, Z6
	VMOVUPS Z6, 384(DI)
	VPERMPS Z14, Z23, Z11
	VMULPS Z7, Z11, Z7
	VMOVUPS Z7, 448(DI)
	ADDQ $512, DI
	ADDQ $512, SI
	ADDQ $64, R11
	SUBQ $16, CX
	JGE  wide

rest:
	ADDQ $16, CX
	JEQ  done

one:
	VXORPS Y0, Y0, Y0
	XORL   AX, AX

oneterm:
	TERM
	VFMADD231PS (DX), Y15, Y0
	INCQ AX
	CMPQ AX, R10
	JLT  oneterm
	VBROADCASTSS (R11), Y8
	VMULPS       Y0, Y8, Y0
	VMOVUPS      Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	ADDQ $4, R11
	DECQ CX
	JNE  one

done:
	KEEP
	VZEROUPPER
	RET
