//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"

// The strips of eight and of four columns of block_single_amd64.go: a register holds
// eight columns of one row, or four. Elements are rounded in the order of the plain
// loops in block_single.go, sums are in double precision. Strides are in bytes; rows is
// at least one.


// func csrBlockSingle8Wide(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle8Wide(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	CMPQ AX, DX
	JEQ  store
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VCVTPS2PD        (SI)(BX*1), Z4
	VFMADD231PD.BCST (R11)(AX*8), Z4, Z0
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VCVTPS2PD        (SI)(BX*1), Z7
	VFMADD231PD.BCST 8(R11)(AX*8), Z7, Z1
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VCVTPS2PD        (SI)(BX*1), Z4
	VFMADD231PD.BCST (R11)(AX*8), Z4, Z0

sum:
	VADDPD Z1, Z0, Z0

store:
	VCVTPD2PS  Z0, Y0
	VMOVUPS    Y0, (DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func csrBlockSingle8(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle8(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	CMPQ AX, DX
	JEQ  store
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0
	VCVTPS2PD    16(SI)(BX*1), Y6
	VFMADD231PD  Y6, Y4, Y2
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD 8(R11)(AX*8), Y7
	VCVTPS2PD    (SI)(BX*1), Y8
	VFMADD231PD  Y8, Y7, Y1
	VCVTPS2PD    16(SI)(BX*1), Y9
	VFMADD231PD  Y9, Y7, Y3
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0
	VCVTPS2PD    16(SI)(BX*1), Y6
	VFMADD231PD  Y6, Y4, Y2

sum:
	VADDPD Y1, Y0, Y0
	VADDPD Y3, Y2, Y2

store:
	VCVTPD2PSY Y0, X0
	VMOVUPS    X0, (DI)
	VCVTPD2PSY Y2, X2
	VMOVUPS    X2, 16(DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func csrBlockSingle4(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle4(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	CMPQ AX, DX
	JEQ  store
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD 8(R11)(AX*8), Y7
	VCVTPS2PD    (SI)(BX*1), Y8
	VFMADD231PD  Y8, Y7, Y1
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0

sum:
	VADDPD Y1, Y0, Y0

store:
	VCVTPD2PSY Y0, X0
	VMOVUPS    X0, (DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func csrBlockSingle2(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle2(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	CMPQ AX, DX
	JEQ  store
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VMOVDDUP     (R11)(AX*8), X4
	VCVTPS2PD    (SI)(BX*1), X5
	VFMADD231PD  X5, X4, X0
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VMOVDDUP     8(R11)(AX*8), X7
	VCVTPS2PD    (SI)(BX*1), X8
	VFMADD231PD  X8, X7, X1
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VMOVDDUP     (R11)(AX*8), X4
	VCVTPS2PD    (SI)(BX*1), X5
	VFMADD231PD  X5, X4, X0

sum:
	VADDPD Y1, Y0, Y0

store:
	VCVTPD2PSX X0, X0
	VMOVSD     X0, (DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func csrBlockSingle8WideAhead(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle8WideAhead(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VPXORQ Z0, Z0, Z0
	VPXORQ Z1, Z1, Z1
	CMPQ AX, DX
	JEQ  store

	// The column that entry AX asks ahead for is AX+64, or the last ones again.
	LEAQ    -64(R13), R15
	SUBQ    DX, R15
	MOVQ    $0, BX
	CMPQ    R15, BX
	CMOVQGT BX, R15
	LEAQ    256(R10)(R15*4), R15
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VCVTPS2PD        (SI)(BX*1), Z4
	VFMADD231PD.BCST (R11)(AX*8), Z4, Z0
	MOVL         4(R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VCVTPS2PD        (SI)(BX*1), Z7
	VFMADD231PD.BCST 8(R11)(AX*8), Z7, Z1
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VCVTPS2PD        (SI)(BX*1), Z4
	VFMADD231PD.BCST (R11)(AX*8), Z4, Z0

sum:
	VADDPD Z1, Z0, Z0

store:
	VCVTPD2PS  Z0, Y0
	VMOVUPS    Y0, (DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func csrBlockSingle8Ahead(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle8Ahead(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	CMPQ AX, DX
	JEQ  store

	// The column that entry AX asks ahead for is AX+64, or the last ones again.
	LEAQ    -64(R13), R15
	SUBQ    DX, R15
	MOVQ    $0, BX
	CMPQ    R15, BX
	CMOVQGT BX, R15
	LEAQ    256(R10)(R15*4), R15
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0
	VCVTPS2PD    16(SI)(BX*1), Y6
	VFMADD231PD  Y6, Y4, Y2
	MOVL         4(R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD 8(R11)(AX*8), Y7
	VCVTPS2PD    (SI)(BX*1), Y8
	VFMADD231PD  Y8, Y7, Y1
	VCVTPS2PD    16(SI)(BX*1), Y9
	VFMADD231PD  Y9, Y7, Y3
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0
	VCVTPS2PD    16(SI)(BX*1), Y6
	VFMADD231PD  Y6, Y4, Y2

sum:
	VADDPD Y1, Y0, Y0
	VADDPD Y3, Y2, Y2

store:
	VCVTPD2PSY Y0, X0
	VMOVUPS    X0, (DI)
	VCVTPD2PSY Y2, X2
	VMOVUPS    X2, 16(DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func csrBlockSingle4Ahead(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle4Ahead(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	CMPQ AX, DX
	JEQ  store

	// The column that entry AX asks ahead for is AX+64, or the last ones again.
	LEAQ    -64(R13), R15
	SUBQ    DX, R15
	MOVQ    $0, BX
	CMPQ    R15, BX
	CMOVQGT BX, R15
	LEAQ    256(R10)(R15*4), R15
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0
	MOVL         4(R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD 8(R11)(AX*8), Y7
	VCVTPS2PD    (SI)(BX*1), Y8
	VFMADD231PD  Y8, Y7, Y1
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y4
	VCVTPS2PD    (SI)(BX*1), Y5
	VFMADD231PD  Y5, Y4, Y0

sum:
	VADDPD Y1, Y0, Y0

store:
	VCVTPD2PSY Y0, X0
	VMOVUPS    X0, (DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func csrBlockSingle2Ahead(dst, x *float32, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlockSingle2Ahead(SB), NOSPLIT, $8-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	FLUSH(AX)

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	CMPQ AX, DX
	JEQ  store

	// The column that entry AX asks ahead for is AX+64, or the last ones again.
	LEAQ    -64(R13), R15
	SUBQ    DX, R15
	MOVQ    $0, BX
	CMPQ    R15, BX
	CMOVQGT BX, R15
	LEAQ    256(R10)(R15*4), R15
	DECQ DX
	CMPQ AX, DX
	JEQ  odd

pair:
	PREFETCHT0   AHEAD(R11)(AX*8)
	PREFETCHT0   AHEAD(R10)(AX*4)
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VMOVDDUP     (R11)(AX*8), X4
	VCVTPS2PD    (SI)(BX*1), X5
	VFMADD231PD  X5, X4, X0
	MOVL         4(R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         4(R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VMOVDDUP     8(R11)(AX*8), X7
	VCVTPS2PD    (SI)(BX*1), X8
	VFMADD231PD  X8, X7, X1
	ADDQ         $2, AX
	CMPQ         AX, DX
	JLT          pair
	JHI          sum

odd:
	MOVL         (R15)(AX*4), BX
	IMULQ        R8, BX
	PREFETCHT1   (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VMOVDDUP     (R11)(AX*8), X4
	VCVTPS2PD    (SI)(BX*1), X5
	VFMADD231PD  X5, X4, X0

sum:
	VADDPD Y1, Y0, Y0

store:
	VCVTPD2PSX X0, X0
	VMOVSD     X0, (DI)
	ADDQ       R8, DI
	DECQ       CX
	JNE        row
	KEEP
	MOVB       $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	KEEP
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func panelDotSingle8(p, q *float32, stride, rows int, sums *float64)
TEXT ·panelDotSingle8(SB), NOSPLIT, $8-40
	MOVQ p+0(FP), SI
	MOVQ q+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ rows+24(FP), CX
	MOVQ sums+32(FP), DX
	FLUSH(AX)
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	SUBQ $2, CX
	JLT  last

pair:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VCVTPS2PD (SI), Y8
	VCVTPS2PD (DI), Y9
	VFMADD231PD Y8, Y9, Y0
	VCVTPS2PD 16(SI), Y10
	VCVTPS2PD 16(DI), Y11
	VFMADD231PD Y10, Y11, Y1
	ADDQ R8, SI
	ADDQ R8, DI
	VCVTPS2PD (SI), Y8
	VCVTPS2PD (DI), Y9
	VFMADD231PD Y8, Y9, Y2
	VCVTPS2PD 16(SI), Y10
	VCVTPS2PD 16(DI), Y11
	VFMADD231PD Y10, Y11, Y3
	ADDQ R8, SI
	ADDQ R8, DI
	SUBQ $2, CX
	JGE  pair

last:
	ADDQ $2, CX
	JEQ  done
	VCVTPS2PD (SI), Y8
	VCVTPS2PD (DI), Y9
	VFMADD231PD Y8, Y9, Y0
	VCVTPS2PD 16(SI), Y10
	VCVTPS2PD 16(DI), Y11
	VFMADD231PD Y10, Y11, Y1
	ADDQ R8, SI
	ADDQ R8, DI

done:
	VADDPD Y2, Y0, Y0
	VADDPD Y3, Y1, Y1
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	KEEP
	VZEROUPPER
	RET

// func panelSubSingle8(r, a, q *float32, stride, rows int, sums *float64)
TEXT ·panelSubSingle8(SB), NOSPLIT, $8-48
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ stride+24(FP), R8
	MOVQ rows+32(FP), CX
	MOVQ sums+40(FP), DX
	FLUSH(BX)
	VMOVUPS (AX), Y15
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	SUBQ $2, CX
	JLT  last

pair:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMULPS (SI), Y15, Y8
	VMOVUPS (DI), Y9
	VSUBPS Y8, Y9, Y9
	VMOVUPS Y9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	VEXTRACTF128 $1, Y9, X11
	VCVTPS2PD X11, Y11
	VFMADD231PD Y11, Y11, Y1
	ADDQ R8, SI
	ADDQ R8, DI
	VMULPS (SI), Y15, Y8
	VMOVUPS (DI), Y9
	VSUBPS Y8, Y9, Y9
	VMOVUPS Y9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y2
	VEXTRACTF128 $1, Y9, X11
	VCVTPS2PD X11, Y11
	VFMADD231PD Y11, Y11, Y3
	ADDQ R8, SI
	ADDQ R8, DI
	SUBQ $2, CX
	JGE  pair

last:
	ADDQ $2, CX
	JEQ  done
	VMULPS (SI), Y15, Y8
	VMOVUPS (DI), Y9
	VSUBPS Y8, Y9, Y9
	VMOVUPS Y9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	VEXTRACTF128 $1, Y9, X11
	VCVTPS2PD X11, Y11
	VFMADD231PD Y11, Y11, Y1
	ADDQ R8, SI
	ADDQ R8, DI

done:
	VADDPD Y2, Y0, Y0
	VADDPD Y3, Y1, Y1
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	KEEP
	VZEROUPPER
	RET

// func panelSubDiagSingle8(r, a, q, d *float32, stride, rows int, sums *float64)
TEXT ·panelSubDiagSingle8(SB), NOSPLIT, $8-56
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ d+24(FP), R9
	MOVQ stride+32(FP), R8
	MOVQ rows+40(FP), CX
	MOVQ sums+48(FP), DX
	FLUSH(BX)
	VMOVUPS (AX), Y15
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7
	SUBQ $2, CX
	JLT  last

pair:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMULPS (SI), Y15, Y8
	VMOVUPS (DI), Y9
	VSUBPS Y8, Y9, Y9
	VMOVUPS Y9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	VEXTRACTF128 $1, Y9, X11
	VCVTPS2PD X11, Y11
	VFMADD231PD Y11, Y11, Y1
	VBROADCASTSS (R9), Y8
	VMULPS Y9, Y8, Y8
	VCVTPS2PD X8, Y12
	VFMADD231PD Y12, Y10, Y2
	VEXTRACTF128 $1, Y8, X13
	VCVTPS2PD X13, Y13
	VFMADD231PD Y13, Y11, Y3
	ADDQ $4, R9
	ADDQ R8, SI
	ADDQ R8, DI
	VMULPS (SI), Y15, Y8
	VMOVUPS (DI), Y9
	VSUBPS Y8, Y9, Y9
	VMOVUPS Y9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y4
	VEXTRACTF128 $1, Y9, X11
	VCVTPS2PD X11, Y11
	VFMADD231PD Y11, Y11, Y5
	VBROADCASTSS (R9), Y8
	VMULPS Y9, Y8, Y8
	VCVTPS2PD X8, Y12
	VFMADD231PD Y12, Y10, Y6
	VEXTRACTF128 $1, Y8, X13
	VCVTPS2PD X13, Y13
	VFMADD231PD Y13, Y11, Y7
	ADDQ $4, R9
	ADDQ R8, SI
	ADDQ R8, DI
	SUBQ $2, CX
	JGE  pair

last:
	ADDQ $2, CX
	JEQ  done
	VMULPS (SI), Y15, Y8
	VMOVUPS (DI), Y9
	VSUBPS Y8, Y9, Y9
	VMOVUPS Y9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	VEXTRACTF128 $1, Y9, X11
	VCVTPS2PD X11, Y11
	VFMADD231PD Y11, Y11, Y1
	VBROADCASTSS (R9), Y8
	VMULPS Y9, Y8, Y8
	VCVTPS2PD X8, Y12
	VFMADD231PD Y12, Y10, Y2
	VEXTRACTF128 $1, Y8, X13
	VCVTPS2PD X13, Y13
	VFMADD231PD Y13, Y11, Y3
	ADDQ $4, R9
	ADDQ R8, SI
	ADDQ R8, DI

done:
	VADDPD Y4, Y0, Y0
	VADDPD Y5, Y1, Y1
	VADDPD Y6, Y2, Y2
	VADDPD Y7, Y3, Y3
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VMOVUPD Y3, 96(DX)
	KEEP
	VZEROUPPER
	RET

// func panelStepSingle8(y, p, a, r, b *float32, stride, rows int)
TEXT ·panelStepSingle8(SB), NOSPLIT, $8-56
	MOVQ y+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ b+32(FP), BX
	MOVQ stride+40(FP), R8
	MOVQ rows+48(FP), CX
	FLUSH(R10)
	VMOVUPS (AX), Y15
	VMOVUPS (BX), Y14

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VMOVUPS (DI), Y0
	VMULPS Y0, Y15, Y1
	VADDPS (DX), Y1, Y1
	VMOVUPS Y1, (DX)
	VMULPS Y0, Y14, Y0
	VADDPS (SI), Y0, Y0
	VMOVUPS Y0, (DI)
	ADDQ R8, DX
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	KEEP
	VZEROUPPER
	RET

// func panelStepDiagSingle8(y, p, a, r, d, b *float32, stride, rows int)
TEXT ·panelStepDiagSingle8(SB), NOSPLIT, $8-64
	MOVQ y+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ d+32(FP), R9
	MOVQ b+40(FP), BX
	MOVQ stride+48(FP), R8
	MOVQ rows+56(FP), CX
	FLUSH(R10)
	VMOVUPS (AX), Y15
	VMOVUPS (BX), Y14

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VMOVUPS (DI), Y0
	VMULPS Y0, Y15, Y1
	VADDPS (DX), Y1, Y1
	VMOVUPS Y1, (DX)
	VMULPS Y0, Y14, Y0
	VBROADCASTSS (R9), Y2
	VMULPS (SI), Y2, Y2
	VADDPS Y2, Y0, Y0
	ADDQ $4, R9
	VMOVUPS Y0, (DI)
	ADDQ R8, DX
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	KEEP
	VZEROUPPER
	RET

// func panelDotSingle4(p, q *float32, stride, rows int, sums *float64)
TEXT ·panelDotSingle4(SB), NOSPLIT, $8-40
	MOVQ p+0(FP), SI
	MOVQ q+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ rows+24(FP), CX
	MOVQ sums+32(FP), DX
	FLUSH(AX)
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	SUBQ $2, CX
	JLT  last

pair:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VCVTPS2PD (SI), Y8
	VCVTPS2PD (DI), Y9
	VFMADD231PD Y8, Y9, Y0
	ADDQ R8, SI
	ADDQ R8, DI
	VCVTPS2PD (SI), Y8
	VCVTPS2PD (DI), Y9
	VFMADD231PD Y8, Y9, Y1
	ADDQ R8, SI
	ADDQ R8, DI
	SUBQ $2, CX
	JGE  pair

last:
	ADDQ $2, CX
	JEQ  done
	VCVTPS2PD (SI), Y8
	VCVTPS2PD (DI), Y9
	VFMADD231PD Y8, Y9, Y0
	ADDQ R8, SI
	ADDQ R8, DI

done:
	VADDPD Y1, Y0, Y0
	VMOVUPD Y0, (DX)
	KEEP
	VZEROUPPER
	RET

// func panelSubSingle4(r, a, q *float32, stride, rows int, sums *float64)
TEXT ·panelSubSingle4(SB), NOSPLIT, $8-48
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ stride+24(FP), R8
	MOVQ rows+32(FP), CX
	MOVQ sums+40(FP), DX
	FLUSH(BX)
	VMOVUPS (AX), X15
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	SUBQ $2, CX
	JLT  last

pair:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMULPS (SI), X15, X8
	VMOVUPS (DI), X9
	VSUBPS X8, X9, X9
	VMOVUPS X9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	ADDQ R8, SI
	ADDQ R8, DI
	VMULPS (SI), X15, X8
	VMOVUPS (DI), X9
	VSUBPS X8, X9, X9
	VMOVUPS X9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y1
	ADDQ R8, SI
	ADDQ R8, DI
	SUBQ $2, CX
	JGE  pair

last:
	ADDQ $2, CX
	JEQ  done
	VMULPS (SI), X15, X8
	VMOVUPS (DI), X9
	VSUBPS X8, X9, X9
	VMOVUPS X9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	ADDQ R8, SI
	ADDQ R8, DI

done:
	VADDPD Y1, Y0, Y0
	VMOVUPD Y0, (DX)
	KEEP
	VZEROUPPER
	RET

// func panelSubDiagSingle4(r, a, q, d *float32, stride, rows int, sums *float64)
TEXT ·panelSubDiagSingle4(SB), NOSPLIT, $8-56
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ d+24(FP), R9
	MOVQ stride+32(FP), R8
	MOVQ rows+40(FP), CX
	MOVQ sums+48(FP), DX
	FLUSH(BX)
	VMOVUPS (AX), X15
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	SUBQ $2, CX
	JLT  last

pair:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMULPS (SI), X15, X8
	VMOVUPS (DI), X9
	VSUBPS X8, X9, X9
	VMOVUPS X9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	VBROADCASTSS (R9), X8
	VMULPS X9, X8, X8
	VCVTPS2PD X8, Y12
	VFMADD231PD Y12, Y10, Y1
	ADDQ $4, R9
	ADDQ R8, SI
	ADDQ R8, DI
	VMULPS (SI), X15, X8
	VMOVUPS (DI), X9
	VSUBPS X8, X9, X9
	VMOVUPS X9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y2
	VBROADCASTSS (R9), X8
	VMULPS X9, X8, X8
	VCVTPS2PD X8, Y12
	VFMADD231PD Y12, Y10, Y3
	ADDQ $4, R9
	ADDQ R8, SI
	ADDQ R8, DI
	SUBQ $2, CX
	JGE  pair

last:
	ADDQ $2, CX
	JEQ  done
	VMULPS (SI), X15, X8
	VMOVUPS (DI), X9
	VSUBPS X8, X9, X9
	VMOVUPS X9, (DI)
	VCVTPS2PD X9, Y10
	VFMADD231PD Y10, Y10, Y0
	VBROADCASTSS (R9), X8
	VMULPS X9, X8, X8
	VCVTPS2PD X8, Y12
	VFMADD231PD Y12, Y10, Y1
	ADDQ $4, R9
	ADDQ R8, SI
	ADDQ R8, DI

done:
	VADDPD Y2, Y0, Y0
	VADDPD Y3, Y1, Y1
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	KEEP
	VZEROUPPER
	RET

// func panelStepSingle4(y, p, a, r, b *float32, stride, rows int)
TEXT ·panelStepSingle4(SB), NOSPLIT, $8-56
	MOVQ y+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ b+32(FP), BX
	MOVQ stride+40(FP), R8
	MOVQ rows+48(FP), CX
	FLUSH(R10)
	VMOVUPS (AX), X15
	VMOVUPS (BX), X14

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VMOVUPS (DI), X0
	VMULPS X0, X15, X1
	VADDPS (DX), X1, X1
	VMOVUPS X1, (DX)
	VMULPS X0, X14, X0
	VADDPS (SI), X0, X0
	VMOVUPS X0, (DI)
	ADDQ R8, DX
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	KEEP
	VZEROUPPER
	RET

// func panelStepDiagSingle4(y, p, a, r, d, b *float32, stride, rows int)
TEXT ·panelStepDiagSingle4(SB), NOSPLIT, $8-64
	MOVQ y+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ d+32(FP), R9
	MOVQ b+40(FP), BX
	MOVQ stride+48(FP), R8
	MOVQ rows+56(FP), CX
	FLUSH(R10)
	VMOVUPS (AX), X15
	VMOVUPS (BX), X14

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VMOVUPS (DI), X0
	VMULPS X0, X15, X1
	VADDPS (DX), X1, X1
	VMOVUPS X1, (DX)
	VMULPS X0, X14, X0
	VBROADCASTSS (R9), X2
	VMULPS (SI), X2, X2
	VADDPS X2, X0, X0
	ADDQ $4, R9
	VMOVUPS X0, (DI)
	ADDQ R8, DX
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	KEEP
	VZEROUPPER
	RET

// TERM loads coefficient AX into Y15 and the address of its row into DX.
#define TERM \
	MOVQ         (R9)(AX*8), DX  \
	VBROADCASTSS (R8)(AX*4), Y15 \
	LEAQ         (SI)(DX*4), DX

#define MULADD(b, s) VFMADD231PS b(DX), Y15, s

// func shiftedSumSingle(out *float32, n int, c *float32, at *int, taps int, x *float32, add bool)
TEXT ·shiftedSumSingle(SB), NOSPLIT, $8-49
	MOVQ out+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ c+16(FP), R8
	MOVQ at+24(FP), R9
	MOVQ taps+32(FP), R10
	MOVQ    x+40(FP), SI
	MOVBLZX add+48(FP), R11
	FLUSH(AX)
	SUBQ $64, CX
	JLT  rest

wide:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 (AHEAD+64)(DI)
	PREFETCHT0 (AHEAD+128)(DI)
	PREFETCHT0 (AHEAD+192)(DI)
	TESTL R11, R11
	JEQ   widezero
	VMOVUPS 0(DI), Y0
	VMOVUPS 32(DI), Y1
	VMOVUPS 64(DI), Y2
	VMOVUPS 96(DI), Y3
	VMOVUPS 128(DI), Y4
	VMOVUPS 160(DI), Y5
	VMOVUPS 192(DI), Y6
	VMOVUPS 224(DI), Y7
	JMP widesum

widezero:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	VXORPS Y4, Y4, Y4
	VXORPS Y5, Y5, Y5
	VXORPS Y6, Y6, Y6
	VXORPS Y7, Y7, Y7

widesum:
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
	TESTL   R11, R11
	JEQ     eightsum
	VMOVUPS (DI), Y0

eightsum:
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
	TESTL  R11, R11
	JEQ    onesum
	VMOVSS (DI), X0

onesum:
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
