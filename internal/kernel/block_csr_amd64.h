// One product of some rows of a sparse matrix with a strip of a panel:
//
// func NAME(dst, x *float64, stride int, rowPtr *int, col []int32, val *float64, rows, cols, near, tail int, mask *int64) (valid bool)
//
// with panels of float32 in block_single_csr_amd64.s. SETUP, ZERO, EVEN, ODD and STORE are
// those of a strip's width: EVEN adds the current entry to the sums of the even entries, ODD
// the one after it to those of the odd ones. Rows of the matrix that end at most at entry
// near fetch rows of x ahead, and STREAM the matrix itself. FRAME and DONE are those of
// flush_amd64.h, or none.
TEXT NAME(SB), NOSPLIT, FRAME
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ rowPtr+24(FP), R9
	MOVQ col_base+32(FP), R10
	MOVQ col_len+40(FP), R13
	MOVQ val+56(FP), R11
	MOVQ rows+64(FP), CX
	MOVQ cols+72(FP), R12
	MOVQ near+80(FP), R15
	SETUP

row:
	MOVQ (R9), AX
	MOVQ 8(R9), DX
	ADDQ $8, R9
	CMPQ DX, R13
	JHI  bad
	CMPQ AX, DX
	JHI  bad
	ZERO
	LEAQ -1(DX), R14
	CMPQ AX, R14
	JGE  last
	CMPQ DX, R15
	JGT  pair

ahead:
	STREAM
	FETCH(4*LOOK)
	EVEN
	FETCH(4*LOOK+4)
	ODD
	ADDQ $2, AX
	CMPQ AX, R14
	JLT  ahead
	JMP  last

pair:
	STREAM
	EVEN
	ODD
	ADDQ $2, AX
	CMPQ AX, R14
	JLT  pair

last:
	JGT  store
	EVEN

store:
	STORE

next:
	ADDQ R8, DI
	DECQ CX
	JNE  row
	DONE
	MOVB $1, valid+104(FP)
	VZEROUPPER
	RET

bad:
	DONE
	MOVB $0, valid+104(FP)
	VZEROUPPER
	RET

#undef NAME
#undef SETUP
#undef ZERO
#undef EVEN
#undef ODD
#undef STORE
