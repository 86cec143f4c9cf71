//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"

// The loops of rows_amd64.go: rows of a sparse matrix or of a stencil, four to a
// register. Products and sums are rounded one by one in the order of the plain
// twins.

// func csrRowsConstantAVX2(dst, x []float64, col []int32, val []float64)
//
// Sixteen rows at a time: Y0 … Y3 are the sums of the even entries, Y4 … Y7 those
// of the odd ones. Then four at a time. What remains is left to the caller.
TEXT ·csrRowsConstantAVX2(SB), NOSPLIT, $0-96
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ col_base+48(FP), R8
	MOVQ col_len+56(FP), R9
	MOVQ val_base+72(FP), R10
	MOVLQSX -4(R8)(R9*4), R13 // the last column is the first to meet new elements
	SUBQ $16, CX
	JLT  four

sixteen:
	PREFETCHT0 AHEAD(SI)(R13*8)
	PREFETCHT0 AHEAD+64(SI)(R13*8)
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD+64(DI)
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD Y4, Y4, Y4
	VXORPD Y5, Y5, Y5
	VXORPD Y6, Y6, Y6
	VXORPD Y7, Y7, Y7
	XORQ   AX, AX
	MOVQ   R9, DX
	SUBQ   $2, DX
	JLT    last16

pair16:
	MOVLQSX      (R8)(AX*4), R11
	MOVLQSX      4(R8)(AX*4), R12
	VBROADCASTSD (R10)(AX*8), Y8
	VBROADCASTSD 8(R10)(AX*8), Y9
	LEAQ         (SI)(R11*8), R11
	LEAQ         (SI)(R12*8), R12
	VMULPD       (R11), Y8, Y10
	VMULPD       32(R11), Y8, Y11
	VMULPD       64(R11), Y8, Y12
	VMULPD       96(R11), Y8, Y13
	VADDPD       Y10, Y0, Y0
	VADDPD       Y11, Y1, Y1
	VADDPD       Y12, Y2, Y2
	VADDPD       Y13, Y3, Y3
	VMULPD       (R12), Y9, Y10
	VMULPD       32(R12), Y9, Y11
	VMULPD       64(R12), Y9, Y12
	VMULPD       96(R12), Y9, Y13
	VADDPD       Y10, Y4, Y4
	VADDPD       Y11, Y5, Y5
	VADDPD       Y12, Y6, Y6
	VADDPD       Y13, Y7, Y7
	ADDQ         $2, AX
	SUBQ         $2, DX
	JGE          pair16

last16:
	ADDQ         $2, DX
	JEQ          store16
	MOVLQSX      (R8)(AX*4), R11
	VBROADCASTSD (R10)(AX*8), Y8
	LEAQ         (SI)(R11*8), R11
	VMULPD       (R11), Y8, Y10
	VMULPD       32(R11), Y8, Y11
	VMULPD       64(R11), Y8, Y12
	VMULPD       96(R11), Y8, Y13
	VADDPD       Y10, Y0, Y0
	VADDPD       Y11, Y1, Y1
	VADDPD       Y12, Y2, Y2
	VADDPD       Y13, Y3, Y3

store16:
	VADDPD  Y4, Y0, Y0
	VADDPD  Y5, Y1, Y1
	VADDPD  Y6, Y2, Y2
	VADDPD  Y7, Y3, Y3
	VMOVUPD Y0, (DI)
	VMOVUPD Y1, 32(DI)
	VMOVUPD Y2, 64(DI)
	VMOVUPD Y3, 96(DI)
	ADDQ    $128, DI
	ADDQ    $128, SI
	SUBQ    $16, CX
	JGE     sixteen

four:
	ADDQ $12, CX
	JLT  done

loop4:
	VXORPD Y0, Y0, Y0
	VXORPD Y4, Y4, Y4
	XORQ   AX, AX
	MOVQ   R9, DX
	SUBQ   $2, DX
	JLT    last4

pair4:
	MOVLQSX      (R8)(AX*4), R11
	MOVLQSX      4(R8)(AX*4), R12
	VBROADCASTSD (R10)(AX*8), Y8
	VBROADCASTSD 8(R10)(AX*8), Y9
	VMULPD       (SI)(R11*8), Y8, Y10
	VMULPD       (SI)(R12*8), Y9, Y11
	VADDPD       Y10, Y0, Y0
	VADDPD       Y11, Y4, Y4
	ADDQ         $2, AX
	SUBQ         $2, DX
	JGE          pair4

last4:
	ADDQ         $2, DX
	JEQ          store4
	MOVLQSX      (R8)(AX*4), R11
	VBROADCASTSD (R10)(AX*8), Y8
	VMULPD       (SI)(R11*8), Y8, Y10
	VADDPD       Y10, Y0, Y0

store4:
	VADDPD  Y4, Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $4, CX
	JGE     loop4

done:
	VZEROUPPER
	RET

// func stencil3AVX2(dst, x, left, right []float64, diag, off float64)
TEXT ·stencil3AVX2(SB), NOSPLIT, $0-112
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ left_base+48(FP), R8
	MOVQ right_base+72(FP), R9
	VBROADCASTSD diag+96(FP), Y14
	VBROADCASTSD off+104(FP), Y15
	XORQ AX, AX
	SUBQ $8, CX
	JLT  four

eight:
	PREFETCHT0 AHEAD(SI)(AX*8)
	PREFETCHT0 AHEAD(DI)(AX*8)
	VMOVUPD (R8)(AX*8), Y0
	VADDPD (R9)(AX*8), Y0, Y0
	VMULPD Y0, Y15, Y0
	VMULPD (SI)(AX*8), Y14, Y1
	VADDPD Y0, Y1, Y0
	VMOVUPD Y0, (DI)(AX*8)
	VMOVUPD 32(R8)(AX*8), Y4
	VADDPD 32(R9)(AX*8), Y4, Y4
	VMULPD Y4, Y15, Y4
	VMULPD 32(SI)(AX*8), Y14, Y5
	VADDPD Y4, Y5, Y4
	VMOVUPD Y4, 32(DI)(AX*8)
	ADDQ $8, AX
	SUBQ $8, CX
	JGE  eight

four:
	ADDQ $4, CX
	JLT  rest
	VMOVUPD (R8)(AX*8), Y0
	VADDPD (R9)(AX*8), Y0, Y0
	VMULPD Y0, Y15, Y0
	VMULPD (SI)(AX*8), Y14, Y1
	VADDPD Y0, Y1, Y0
	VMOVUPD Y0, (DI)(AX*8)
	ADDQ $4, AX
	SUBQ $4, CX

rest:
	ADDQ $4, CX
	JEQ  done

one:
	VMOVSD (R8)(AX*8), X0
	VADDSD (R9)(AX*8), X0, X0
	VMULSD X0, X15, X0
	VMULSD (SI)(AX*8), X14, X1
	VADDSD X0, X1, X0
	VMOVSD X0, (DI)(AX*8)
	INCQ AX
	DECQ CX
	JNE  one

done:
	VZEROUPPER
	RET

// func stencil5AVX2(dst, x, left, right, up, down []float64, diag, off float64)
TEXT ·stencil5AVX2(SB), NOSPLIT, $0-160
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ left_base+48(FP), R8
	MOVQ right_base+72(FP), R9
	MOVQ up_base+96(FP), R10
	MOVQ down_base+120(FP), R11
	VBROADCASTSD diag+144(FP), Y14
	VBROADCASTSD off+152(FP), Y15
	XORQ AX, AX
	SUBQ $8, CX
	JLT  four

eight:
	PREFETCHT0 AHEAD(R11)(AX*8)
	PREFETCHT0 AHEAD(DI)(AX*8)
	VMOVUPD (R8)(AX*8), Y0
	VMOVUPD (R10)(AX*8), Y1
	VADDPD (R9)(AX*8), Y0, Y0
	VADDPD (R11)(AX*8), Y1, Y1
	VADDPD Y1, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMULPD (SI)(AX*8), Y14, Y1
	VADDPD Y0, Y1, Y0
	VMOVUPD Y0, (DI)(AX*8)
	VMOVUPD 32(R8)(AX*8), Y4
	VMOVUPD 32(R10)(AX*8), Y5
	VADDPD 32(R9)(AX*8), Y4, Y4
	VADDPD 32(R11)(AX*8), Y5, Y5
	VADDPD Y5, Y4, Y4
	VMULPD Y4, Y15, Y4
	VMULPD 32(SI)(AX*8), Y14, Y5
	VADDPD Y4, Y5, Y4
	VMOVUPD Y4, 32(DI)(AX*8)
	ADDQ $8, AX
	SUBQ $8, CX
	JGE  eight

four:
	ADDQ $4, CX
	JLT  rest
	VMOVUPD (R8)(AX*8), Y0
	VMOVUPD (R10)(AX*8), Y1
	VADDPD (R9)(AX*8), Y0, Y0
	VADDPD (R11)(AX*8), Y1, Y1
	VADDPD Y1, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMULPD (SI)(AX*8), Y14, Y1
	VADDPD Y0, Y1, Y0
	VMOVUPD Y0, (DI)(AX*8)
	ADDQ $4, AX
	SUBQ $4, CX

rest:
	ADDQ $4, CX
	JEQ  done

one:
	VMOVSD (R8)(AX*8), X0
	VMOVSD (R10)(AX*8), X1
	VADDSD (R9)(AX*8), X0, X0
	VADDSD (R11)(AX*8), X1, X1
	VADDSD X1, X0, X0
	VMULSD X0, X15, X0
	VMULSD (SI)(AX*8), X14, X1
	VADDSD X0, X1, X0
	VMOVSD X0, (DI)(AX*8)
	INCQ AX
	DECQ CX
	JNE  one

done:
	VZEROUPPER
	RET

// func stencil7AVX2(dst, x, left, right, up, down, front, back []float64, diag, off float64)
TEXT ·stencil7AVX2(SB), NOSPLIT, $0-208
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ left_base+48(FP), R8
	MOVQ right_base+72(FP), R9
	MOVQ up_base+96(FP), R10
	MOVQ down_base+120(FP), R11
	MOVQ front_base+144(FP), R12
	MOVQ back_base+168(FP), R13
	VBROADCASTSD diag+192(FP), Y14
	VBROADCASTSD off+200(FP), Y15
	XORQ AX, AX
	SUBQ $8, CX
	JLT  four

eight:
	PREFETCHT0 AHEAD(R13)(AX*8)
	PREFETCHT0 AHEAD(DI)(AX*8)
	VMOVUPD (R8)(AX*8), Y0
	VMOVUPD (R10)(AX*8), Y1
	VMOVUPD (R12)(AX*8), Y2
	VADDPD (R9)(AX*8), Y0, Y0
	VADDPD (R11)(AX*8), Y1, Y1
	VADDPD (R13)(AX*8), Y2, Y2
	VADDPD Y1, Y0, Y0
	VADDPD Y2, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMULPD (SI)(AX*8), Y14, Y1
	VADDPD Y0, Y1, Y0
	VMOVUPD Y0, (DI)(AX*8)
	VMOVUPD 32(R8)(AX*8), Y4
	VMOVUPD 32(R10)(AX*8), Y5
	VMOVUPD 32(R12)(AX*8), Y6
	VADDPD 32(R9)(AX*8), Y4, Y4
	VADDPD 32(R11)(AX*8), Y5, Y5
	VADDPD 32(R13)(AX*8), Y6, Y6
	VADDPD Y5, Y4, Y4
	VADDPD Y6, Y4, Y4
	VMULPD Y4, Y15, Y4
	VMULPD 32(SI)(AX*8), Y14, Y5
	VADDPD Y4, Y5, Y4
	VMOVUPD Y4, 32(DI)(AX*8)
	ADDQ $8, AX
	SUBQ $8, CX
	JGE  eight

four:
	ADDQ $4, CX
	JLT  rest
	VMOVUPD (R8)(AX*8), Y0
	VMOVUPD (R10)(AX*8), Y1
	VMOVUPD (R12)(AX*8), Y2
	VADDPD (R9)(AX*8), Y0, Y0
	VADDPD (R11)(AX*8), Y1, Y1
	VADDPD (R13)(AX*8), Y2, Y2
	VADDPD Y1, Y0, Y0
	VADDPD Y2, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMULPD (SI)(AX*8), Y14, Y1
	VADDPD Y0, Y1, Y0
	VMOVUPD Y0, (DI)(AX*8)
	ADDQ $4, AX
	SUBQ $4, CX

rest:
	ADDQ $4, CX
	JEQ  done

one:
	VMOVSD (R8)(AX*8), X0
	VMOVSD (R10)(AX*8), X1
	VMOVSD (R12)(AX*8), X2
	VADDSD (R9)(AX*8), X0, X0
	VADDSD (R11)(AX*8), X1, X1
	VADDSD (R13)(AX*8), X2, X2
	VADDSD X1, X0, X0
	VADDSD X2, X0, X0
	VMULSD X0, X15, X0
	VMULSD (SI)(AX*8), X14, X1
	VADDSD X0, X1, X0
	VMOVSD X0, (DI)(AX*8)
	INCQ AX
	DECQ CX
	JNE  one

done:
	VZEROUPPER
	RET

// func csrRowsShiftedAVX2(dst, x []float64, col []int32, val []float64)
//
// Four rows at a time, R10 … R13 pointing to their values: two entries of each are
// loaded and turned into two registers of one entry each. Y0 is the sum of the even
// entries, Y1 that of the odd ones. Rows beyond a multiple of four are left to the
// caller.
TEXT ·csrRowsShiftedAVX2(SB), NOSPLIT, $0-96
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ col_base+48(FP), R8
	MOVQ col_len+56(FP), R9
	MOVQ val_base+72(FP), R10
	SUBQ $4, CX
	JLT  done

rows4:
	LEAQ   (R10)(R9*8), R11
	LEAQ   (R11)(R9*8), R12
	LEAQ   (R12)(R9*8), R13
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	MOVQ   R10, R15
	XORQ   AX, AX
	MOVQ   R9, DX
	SUBQ   $2, DX
	JLT    last

pair:
	PREFETCHT0  AHEAD(R15)
	MOVLQSX     (R8)(AX*4), BX
	VMOVUPD     (R10)(AX*8), X2
	VMOVUPD     (R11)(AX*8), X3
	VINSERTF128 $1, (R12)(AX*8), Y2, Y2
	VINSERTF128 $1, (R13)(AX*8), Y3, Y3
	VUNPCKLPD   Y3, Y2, Y4
	VUNPCKHPD   Y3, Y2, Y5
	VMULPD      (SI)(BX*8), Y4, Y4
	MOVLQSX     4(R8)(AX*4), BX
	VADDPD      Y4, Y0, Y0
	VMULPD      (SI)(BX*8), Y5, Y5
	VADDPD      Y5, Y1, Y1
	ADDQ        $64, R15
	ADDQ        $2, AX
	SUBQ        $2, DX
	JGE         pair

last:
	ADDQ        $2, DX
	JEQ         store
	MOVLQSX     (R8)(AX*4), BX
	VMOVSD      (R10)(AX*8), X2
	VMOVSD      (R12)(AX*8), X3
	VMOVHPD     (R11)(AX*8), X2, X2
	VMOVHPD     (R13)(AX*8), X3, X3
	VINSERTF128 $1, X3, Y2, Y2
	VMULPD      (SI)(BX*8), Y2, Y2
	VADDPD      Y2, Y0, Y0

store:
	VADDPD  Y1, Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	LEAQ    (R13)(R9*8), R10
	SUBQ    $4, CX
	JGE     rows4

done:
	VZEROUPPER
	RET

// func csrRowsShiftedSingleAVX2(dst, x []float64, col []int32, val []float32)
//
// As csrRowsShiftedAVX2, for values of single precision.
TEXT ·csrRowsShiftedSingleAVX2(SB), NOSPLIT, $0-96
	MOVQ dst_base+0(FP), DI
	MOVQ dst_len+8(FP), CX
	MOVQ x_base+24(FP), SI
	MOVQ col_base+48(FP), R8
	MOVQ col_len+56(FP), R9
	MOVQ val_base+72(FP), R10
	SUBQ $4, CX
	JLT  done

rows4:
	LEAQ   (R10)(R9*4), R11
	LEAQ   (R11)(R9*4), R12
	LEAQ   (R12)(R9*4), R13
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	MOVQ   R10, R15
	XORQ   AX, AX
	MOVQ   R9, DX
	SUBQ   $2, DX
	JLT    last

pair:
	PREFETCHT0 AHEAD(R15)
	MOVLQSX    (R8)(AX*4), BX
	VMOVSD     (R10)(AX*4), X2
	VMOVSD     (R12)(AX*4), X3
	VMOVHPD    (R11)(AX*4), X2, X2
	VMOVHPD    (R13)(AX*4), X3, X3
	VSHUFPS    $0x88, X3, X2, X4
	VSHUFPS    $0xDD, X3, X2, X5
	VCVTPS2PD  X4, Y4
	VCVTPS2PD  X5, Y5
	VMULPD     (SI)(BX*8), Y4, Y4
	MOVLQSX    4(R8)(AX*4), BX
	VADDPD     Y4, Y0, Y0
	VMULPD     (SI)(BX*8), Y5, Y5
	VADDPD     Y5, Y1, Y1
	ADDQ       $32, R15
	ADDQ       $2, AX
	SUBQ       $2, DX
	JGE        pair

last:
	ADDQ      $2, DX
	JEQ       store
	MOVLQSX   (R8)(AX*4), BX
	VMOVSS    (R10)(AX*4), X2
	VINSERTPS $0x10, (R11)(AX*4), X2, X2
	VINSERTPS $0x20, (R12)(AX*4), X2, X2
	VINSERTPS $0x30, (R13)(AX*4), X2, X2
	VCVTPS2PD X2, Y2
	VMULPD    (SI)(BX*8), Y2, Y2
	VADDPD    Y2, Y0, Y0

store:
	VADDPD  Y1, Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	LEAQ    (R13)(R9*4), R10
	SUBQ    $4, CX
	JGE     rows4

done:
	VZEROUPPER
	RET
