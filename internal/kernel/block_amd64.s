//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"

// The strips of eight and of four columns of block_amd64.go: a register holds four
// columns of one row. Products and sums are rounded one by one in the order of
// the plain loops in block.go. Strides and the columns of a strip are in bytes and
// elements; rows is at least one.

// Where the columns are all over x, the rows of x that entries to come will need are
// fetched into the second cache, which has room for more of them under way than the first:
// 0.84 of the time at 100 entries per row, about 1 at 28 (BenchmarkBlockCG, three runs in
// turn).
//
// func csrBlock8(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlock8(SB), NOSPLIT, $0-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12

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
	LEAQ -1(R13), R15

entry:
	LEAQ         64(AX), BX
	CMPQ         BX, R15
	CMOVQGT      R15, BX
	MOVL         (R10)(BX*4), BX
	IMULQ        R8, BX
	PREFETCHT1 (SI)(BX*1)
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y2
	VMULPD (SI)(BX*1), Y2, Y3
	VMULPD 32(SI)(BX*1), Y2, Y4
	VADDPD Y3, Y0, Y0
	VADDPD Y4, Y1, Y1
	INCQ         AX
	CMPQ         AX, DX
	JLT          entry

store:
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	ADDQ R8, DI
	DECQ CX
	JNE  row
	MOVB $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func panelDots3x8(p, q *float64, stride, rows int, sums *float64)
TEXT ·panelDots3x8(SB), NOSPLIT, $0-40
	MOVQ p+0(FP), SI
	MOVQ q+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ rows+24(FP), CX
	MOVQ sums+32(FP), DX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMOVUPD (SI), Y6
	VMOVUPD (DI), Y7
	VMULPD Y6, Y7, Y8
	VMULPD Y6, Y6, Y6
	VMULPD Y7, Y7, Y7
	VADDPD Y8, Y0, Y0
	VADDPD Y6, Y2, Y2
	VADDPD Y7, Y4, Y4
	VMOVUPD 32(SI), Y11
	VMOVUPD 32(DI), Y12
	VMULPD Y11, Y12, Y13
	VMULPD Y11, Y11, Y11
	VMULPD Y12, Y12, Y12
	VADDPD Y13, Y1, Y1
	VADDPD Y11, Y3, Y3
	VADDPD Y12, Y5, Y5
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VMOVUPD Y3, 96(DX)
	VMOVUPD Y4, 128(DX)
	VMOVUPD Y5, 160(DX)
	VZEROUPPER
	RET

// func panelDotx8(p, q *float64, stride, rows int, sums *float64)
TEXT ·panelDotx8(SB), NOSPLIT, $0-40
	MOVQ p+0(FP), SI
	MOVQ q+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ rows+24(FP), CX
	MOVQ sums+32(FP), DX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMOVUPD (SI), Y2
	VMULPD (DI), Y2, Y2
	VADDPD Y2, Y0, Y0
	VMOVUPD 32(SI), Y3
	VMULPD 32(DI), Y3, Y3
	VADDPD Y3, Y1, Y1
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VZEROUPPER
	RET

// func panelSubx8(r, a, q *float64, stride, rows int, sums *float64)
TEXT ·panelSubx8(SB), NOSPLIT, $0-48
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ stride+24(FP), R8
	MOVQ rows+32(FP), CX
	MOVQ sums+40(FP), DX
	VMOVUPD (AX), Y14
	VMOVUPD 32(AX), Y15
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMULPD (SI), Y14, Y4
	VMOVUPD (DI), Y5
	VSUBPD Y4, Y5, Y5
	VMOVUPD Y5, (DI)
	VMULPD Y5, Y5, Y6
	VADDPD Y6, Y0, Y0
	VMULPD 32(SI), Y15, Y7
	VMOVUPD 32(DI), Y8
	VSUBPD Y7, Y8, Y8
	VMOVUPD Y8, 32(DI)
	VMULPD Y8, Y8, Y9
	VADDPD Y9, Y1, Y1
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VZEROUPPER
	RET

// func panelSubDiagx8(r, a, q, d *float64, stride, rows int, sums *float64)
TEXT ·panelSubDiagx8(SB), NOSPLIT, $0-56
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ d+24(FP), BX
	MOVQ stride+32(FP), R8
	MOVQ rows+40(FP), CX
	MOVQ sums+48(FP), DX
	VMOVUPD (AX), Y14
	VMOVUPD 32(AX), Y15
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VBROADCASTSD (BX), Y13
	VMULPD (SI), Y14, Y4
	VMOVUPD (DI), Y5
	VSUBPD Y4, Y5, Y5
	VMOVUPD Y5, (DI)
	VMULPD Y5, Y5, Y6
	VADDPD Y6, Y0, Y0
	VMULPD Y5, Y13, Y6
	VMULPD Y6, Y5, Y6
	VADDPD Y6, Y2, Y2
	VMULPD 32(SI), Y15, Y7
	VMOVUPD 32(DI), Y8
	VSUBPD Y7, Y8, Y8
	VMOVUPD Y8, 32(DI)
	VMULPD Y8, Y8, Y9
	VADDPD Y9, Y1, Y1
	VMULPD Y8, Y13, Y9
	VMULPD Y9, Y8, Y9
	VADDPD Y9, Y3, Y3
	ADDQ R8, SI
	ADDQ R8, DI
	ADDQ $8, BX
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VMOVUPD Y3, 96(DX)
	VZEROUPPER
	RET

// func panelStepx8(x, p, a, r, b *float64, xstride, stride, rows int)
TEXT ·panelStepx8(SB), NOSPLIT, $0-64
	MOVQ x+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ b+32(FP), BX
	MOVQ xstride+40(FP), R10
	MOVQ stride+48(FP), R8
	MOVQ rows+56(FP), CX
	VMOVUPD (AX), Y14
	VMOVUPD (BX), Y12
	VMOVUPD 32(AX), Y15
	VMOVUPD 32(BX), Y13

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VMOVUPD (DI), Y0
	VMULPD Y0, Y14, Y1
	VADDPD (DX), Y1, Y1
	VMOVUPD Y1, (DX)
	VMULPD Y0, Y12, Y0
	VADDPD (SI), Y0, Y0
	VMOVUPD Y0, (DI)
	VMOVUPD 32(DI), Y3
	VMULPD Y3, Y15, Y4
	VADDPD 32(DX), Y4, Y4
	VMOVUPD Y4, 32(DX)
	VMULPD Y3, Y13, Y3
	VADDPD 32(SI), Y3, Y3
	VMOVUPD Y3, 32(DI)
	ADDQ R10, DX
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VZEROUPPER
	RET

// func panelStepDiagx8(x, p, a, r, d, b *float64, xstride, stride, rows int)
TEXT ·panelStepDiagx8(SB), NOSPLIT, $0-72
	MOVQ x+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ d+32(FP), R9
	MOVQ b+40(FP), BX
	MOVQ xstride+48(FP), R10
	MOVQ stride+56(FP), R8
	MOVQ rows+64(FP), CX
	VMOVUPD (AX), Y14
	VMOVUPD (BX), Y12
	VMOVUPD 32(AX), Y15
	VMOVUPD 32(BX), Y13

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VBROADCASTSD (R9), Y11
	VMOVUPD (DI), Y0
	VMULPD Y0, Y14, Y1
	VADDPD (DX), Y1, Y1
	VMOVUPD Y1, (DX)
	VMULPD Y0, Y12, Y0
	VMULPD (SI), Y11, Y2
	VADDPD Y2, Y0, Y0
	VMOVUPD Y0, (DI)
	VMOVUPD 32(DI), Y3
	VMULPD Y3, Y15, Y4
	VADDPD 32(DX), Y4, Y4
	VMOVUPD Y4, 32(DX)
	VMULPD Y3, Y13, Y3
	VMULPD 32(SI), Y11, Y5
	VADDPD Y5, Y3, Y3
	VMOVUPD Y3, 32(DI)
	ADDQ R10, DX
	ADDQ R8, SI
	ADDQ R8, DI
	ADDQ $8, R9
	DECQ CX
	JNE row
	VZEROUPPER
	RET

// func csrBlock4(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols int) (valid bool)
TEXT ·csrBlock4(SB), NOSPLIT, $0-81
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	VXORPD Y0, Y0, Y0
	CMPQ AX, DX
	JEQ  store

entry:
	MOVL         (R10)(AX*4), BX
	CMPQ         BX, R12
	JCC          bad
	IMULQ        R8, BX
	VBROADCASTSD (R11)(AX*8), Y2
	VMULPD (SI)(BX*1), Y2, Y3
	VADDPD Y3, Y0, Y0
	INCQ         AX
	CMPQ         AX, DX
	JLT          entry

store:
	VMOVUPD Y0, (DI)
	ADDQ R8, DI
	DECQ CX
	JNE  row
	MOVB $1, valid+80(FP)
	VZEROUPPER
	RET

bad:
	MOVB $0, valid+80(FP)
	VZEROUPPER
	RET

// func panelDots3x4(p, q *float64, stride, rows int, sums *float64)
TEXT ·panelDots3x4(SB), NOSPLIT, $0-40
	MOVQ p+0(FP), SI
	MOVQ q+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ rows+24(FP), CX
	MOVQ sums+32(FP), DX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMOVUPD (SI), Y6
	VMOVUPD (DI), Y7
	VMULPD Y6, Y7, Y8
	VMULPD Y6, Y6, Y6
	VMULPD Y7, Y7, Y7
	VADDPD Y8, Y0, Y0
	VADDPD Y6, Y1, Y1
	VADDPD Y7, Y2, Y2
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VZEROUPPER
	RET

// func panelDotx4(p, q *float64, stride, rows int, sums *float64)
TEXT ·panelDotx4(SB), NOSPLIT, $0-40
	MOVQ p+0(FP), SI
	MOVQ q+8(FP), DI
	MOVQ stride+16(FP), R8
	MOVQ rows+24(FP), CX
	MOVQ sums+32(FP), DX
	VXORPD Y0, Y0, Y0

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMOVUPD (SI), Y2
	VMULPD (DI), Y2, Y2
	VADDPD Y2, Y0, Y0
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VZEROUPPER
	RET

// func panelSubx4(r, a, q *float64, stride, rows int, sums *float64)
TEXT ·panelSubx4(SB), NOSPLIT, $0-48
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ stride+24(FP), R8
	MOVQ rows+32(FP), CX
	MOVQ sums+40(FP), DX
	VMOVUPD (AX), Y14
	VXORPD Y0, Y0, Y0

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VMULPD (SI), Y14, Y4
	VMOVUPD (DI), Y5
	VSUBPD Y4, Y5, Y5
	VMOVUPD Y5, (DI)
	VMULPD Y5, Y5, Y6
	VADDPD Y6, Y0, Y0
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VZEROUPPER
	RET

// func panelSubDiagx4(r, a, q, d *float64, stride, rows int, sums *float64)
TEXT ·panelSubDiagx4(SB), NOSPLIT, $0-56
	MOVQ r+0(FP), DI
	MOVQ a+8(FP), AX
	MOVQ q+16(FP), SI
	MOVQ d+24(FP), BX
	MOVQ stride+32(FP), R8
	MOVQ rows+40(FP), CX
	MOVQ sums+48(FP), DX
	VMOVUPD (AX), Y14
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1

row:
	PREFETCHT0 AHEAD(SI)
	PREFETCHT0 AHEAD(DI)
	VBROADCASTSD (BX), Y13
	VMULPD (SI), Y14, Y4
	VMOVUPD (DI), Y5
	VSUBPD Y4, Y5, Y5
	VMOVUPD Y5, (DI)
	VMULPD Y5, Y5, Y6
	VADDPD Y6, Y0, Y0
	VMULPD Y5, Y13, Y6
	VMULPD Y6, Y5, Y6
	VADDPD Y6, Y1, Y1
	ADDQ R8, SI
	ADDQ R8, DI
	ADDQ $8, BX
	DECQ CX
	JNE row
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VZEROUPPER
	RET

// func panelStepx4(x, p, a, r, b *float64, xstride, stride, rows int)
TEXT ·panelStepx4(SB), NOSPLIT, $0-64
	MOVQ x+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ b+32(FP), BX
	MOVQ xstride+40(FP), R10
	MOVQ stride+48(FP), R8
	MOVQ rows+56(FP), CX
	VMOVUPD (AX), Y14
	VMOVUPD (BX), Y12

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VMOVUPD (DI), Y0
	VMULPD Y0, Y14, Y1
	VADDPD (DX), Y1, Y1
	VMOVUPD Y1, (DX)
	VMULPD Y0, Y12, Y0
	VADDPD (SI), Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ R10, DX
	ADDQ R8, SI
	ADDQ R8, DI
	DECQ CX
	JNE row
	VZEROUPPER
	RET

// func panelStepDiagx4(x, p, a, r, d, b *float64, xstride, stride, rows int)
TEXT ·panelStepDiagx4(SB), NOSPLIT, $0-72
	MOVQ x+0(FP), DX
	MOVQ p+8(FP), DI
	MOVQ a+16(FP), AX
	MOVQ r+24(FP), SI
	MOVQ d+32(FP), R9
	MOVQ b+40(FP), BX
	MOVQ xstride+48(FP), R10
	MOVQ stride+56(FP), R8
	MOVQ rows+64(FP), CX
	VMOVUPD (AX), Y14
	VMOVUPD (BX), Y12

row:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(SI)
	VBROADCASTSD (R9), Y11
	VMOVUPD (DI), Y0
	VMULPD Y0, Y14, Y1
	VADDPD (DX), Y1, Y1
	VMOVUPD Y1, (DX)
	VMULPD Y0, Y12, Y0
	VMULPD (SI), Y11, Y2
	VADDPD Y2, Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ R10, DX
	ADDQ R8, SI
	ADDQ R8, DI
	ADDQ $8, R9
	DECQ CX
	JNE row
	VZEROUPPER
	RET
