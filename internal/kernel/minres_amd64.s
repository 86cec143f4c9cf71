//go:build !purego

#include "textflag.h"

// See vector_amd64.s for the order of the operations.

// func lanczosStepAVX2(o, v, q []float64, a, b, c float64) (oo, qo float64)
TEXT ·lanczosStepAVX2(SB), NOSPLIT, $0-112
	MOVQ         o_base+0(FP), DI
	MOVQ         o_len+8(FP), CX
	MOVQ         v_base+24(FP), SI
	MOVQ         q_base+48(FP), DX
	VBROADCASTSD a+72(FP), Y13
	VBROADCASTSD b+80(FP), Y14
	VBROADCASTSD c+88(FP), Y15
	VXORPD       Y0, Y0, Y0
	VXORPD       Y1, Y1, Y1
	SUBQ         $8, CX
	JLT          four

eight:
	VMOVUPD (DX), Y4
	VMOVUPD 32(DX), Y8
	VMOVUPD (DI), Y5
	VMOVUPD 32(DI), Y9
	VMULPD  Y4, Y5, Y6
	VMULPD  Y8, Y9, Y10
	VMULPD  Y4, Y13, Y4
	VMULPD  Y8, Y13, Y8
	VMULPD  (SI), Y14, Y7
	VMULPD  32(SI), Y14, Y11
	VMULPD  Y5, Y15, Y5
	VMULPD  Y9, Y15, Y9
	VSUBPD  Y7, Y4, Y4
	VSUBPD  Y11, Y8, Y8
	VSUBPD  Y5, Y4, Y4
	VSUBPD  Y9, Y8, Y8
	VMOVUPD Y4, (DI)
	VMOVUPD Y8, 32(DI)
	VMULPD  Y4, Y4, Y4
	VMULPD  Y8, Y8, Y8
	VADDPD  Y6, Y1, Y1
	VADDPD  Y4, Y0, Y0
	VADDPD  Y10, Y1, Y1
	VADDPD  Y8, Y0, Y0
	ADDQ    $64, DI
	ADDQ    $64, SI
	ADDQ    $64, DX
	SUBQ    $8, CX
	JGE     eight

four:
	ADDQ    $4, CX
	JLT     rest
	VMOVUPD (DX), Y4
	VMOVUPD (DI), Y5
	VMULPD  Y4, Y5, Y6
	VMULPD  Y4, Y13, Y4
	VMULPD  (SI), Y14, Y7
	VMULPD  Y5, Y15, Y5
	VSUBPD  Y7, Y4, Y4
	VSUBPD  Y5, Y4, Y4
	VMOVUPD Y4, (DI)
	VMULPD  Y4, Y4, Y4
	VADDPD  Y6, Y1, Y1
	VADDPD  Y4, Y0, Y0
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	SUBQ    $4, CX

rest:
	VEXTRACTF128 $1, Y0, X2
	VEXTRACTF128 $1, Y1, X3
	ADDQ         $4, CX
	JEQ          sum

one:
	VMOVSD (DX), X4
	VMOVSD (DI), X5
	VMULSD X4, X5, X6
	VMULSD X4, X13, X4
	VMULSD (SI), X14, X7
	VMULSD X5, X15, X5
	VSUBSD X7, X4, X4
	VSUBSD X5, X4, X4
	VMOVSD X4, (DI)
	VMULSD X4, X4, X4
	VADDSD X6, X1, X1
	VADDSD X4, X0, X0
	ADDQ   $8, DI
	ADDQ   $8, SI
	ADDQ   $8, DX
	DECQ   CX
	JNE    one

sum:
	VHADDPD    X2, X0, X0
	VHADDPD    X3, X1, X1
	VHADDPD    X0, X0, X0
	VHADDPD    X1, X1, X1
	VMOVSD     X0, oo+96(FP)
	VMOVSD     X1, qo+104(FP)
	VZEROUPPER
	RET

// func minresStepAVX2(x, w2, w1, v []float64, a, b, c, t float64)
TEXT ·minresStepAVX2(SB), NOSPLIT, $0-128
	MOVQ         x_base+0(FP), DI
	MOVQ         x_len+8(FP), CX
	MOVQ         w2_base+24(FP), SI
	MOVQ         w1_base+48(FP), DX
	MOVQ         v_base+72(FP), BX
	VBROADCASTSD a+96(FP), Y12
	VBROADCASTSD b+104(FP), Y13
	VBROADCASTSD c+112(FP), Y14
	VBROADCASTSD t+120(FP), Y15
	SUBQ         $8, CX
	JLT          four

eight:
	VMULPD  (BX), Y12, Y0
	VMULPD  32(BX), Y12, Y4
	VMULPD  (DX), Y13, Y1
	VMULPD  32(DX), Y13, Y5
	VMULPD  (SI), Y14, Y2
	VMULPD  32(SI), Y14, Y6
	VSUBPD  Y1, Y0, Y0
	VSUBPD  Y5, Y4, Y4
	VSUBPD  Y2, Y0, Y0
	VSUBPD  Y6, Y4, Y4
	VMOVUPD Y0, (SI)
	VMOVUPD Y4, 32(SI)
	VMULPD  Y0, Y15, Y0
	VMULPD  Y4, Y15, Y4
	VADDPD  (DI), Y0, Y0
	VADDPD  32(DI), Y4, Y4
	VMOVUPD Y0, (DI)
	VMOVUPD Y4, 32(DI)
	ADDQ    $64, DI
	ADDQ    $64, SI
	ADDQ    $64, DX
	ADDQ    $64, BX
	SUBQ    $8, CX
	JGE     eight

four:
	ADDQ    $4, CX
	JLT     rest
	VMULPD  (BX), Y12, Y0
	VMULPD  (DX), Y13, Y1
	VMULPD  (SI), Y14, Y2
	VSUBPD  Y1, Y0, Y0
	VSUBPD  Y2, Y0, Y0
	VMOVUPD Y0, (SI)
	VMULPD  Y0, Y15, Y0
	VADDPD  (DI), Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	SUBQ    $4, CX

rest:
	ADDQ $4, CX
	JEQ  done

one:
	VMULSD (BX), X12, X0
	VMULSD (DX), X13, X1
	VMULSD (SI), X14, X2
	VSUBSD X1, X0, X0
	VSUBSD X2, X0, X0
	VMOVSD X0, (SI)
	VMULSD X0, X15, X0
	VADDSD (DI), X0, X0
	VMOVSD X0, (DI)
	ADDQ   $8, DI
	ADDQ   $8, SI
	ADDQ   $8, DX
	ADDQ   $8, BX
	DECQ   CX
	JNE    one

done:
	VZEROUPPER
	RET
