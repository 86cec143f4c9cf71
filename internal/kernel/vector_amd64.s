//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"

// The loops of lanes_amd64.go. Products and sums are rounded one by one, without
// fused multiply-add, in the order of the plain twins; the four elements of a
// register are the four running sums of a twin. Two groups of four per turn: they
// add to the same registers one after the other.

// func dots2AVX2(x, y []float64) (xy, yy float64)
TEXT ·dots2AVX2(SB), NOSPLIT, $0-64
	MOVQ   x_base+0(FP), SI
	MOVQ   x_len+8(FP), CX
	MOVQ   y_base+24(FP), DI
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	SUBQ   $8, CX
	JLT    four

eight:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(SI)
	VMOVUPD (DI), Y4
	VMOVUPD 32(DI), Y5
	VMULPD  (SI), Y4, Y6
	VMULPD  32(SI), Y5, Y7
	VMULPD  Y4, Y4, Y4
	VMULPD  Y5, Y5, Y5
	VADDPD  Y6, Y0, Y0
	VADDPD  Y4, Y1, Y1
	VADDPD  Y7, Y0, Y0
	VADDPD  Y5, Y1, Y1
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $8, CX
	JGE     eight

four:
	ADDQ    $4, CX
	JLT     rest
	VMOVUPD (DI), Y4
	VMULPD  (SI), Y4, Y6
	VMULPD  Y4, Y4, Y4
	VADDPD  Y6, Y0, Y0
	VADDPD  Y4, Y1, Y1
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $4, CX

rest:
	VEXTRACTF128 $1, Y0, X2
	VEXTRACTF128 $1, Y1, X3
	ADDQ         $4, CX
	JEQ          sum

one:
	VMOVSD (DI), X4
	VMULSD (SI), X4, X6
	VMULSD X4, X4, X4
	VADDSD X6, X0, X0
	VADDSD X4, X1, X1
	ADDQ   $8, SI
	ADDQ   $8, DI
	DECQ   CX
	JNE    one

sum:
	VHADDPD    X2, X0, X0
	VHADDPD    X3, X1, X1
	VHADDPD    X0, X0, X0
	VHADDPD    X1, X1, X1
	VMOVSD     X0, xy+48(FP)
	VMOVSD     X1, yy+56(FP)
	VZEROUPPER
	RET

// func dotAVX2(x, y []float64) (xy float64)
TEXT ·dotAVX2(SB), NOSPLIT, $0-56
	MOVQ   x_base+0(FP), SI
	MOVQ   x_len+8(FP), CX
	MOVQ   y_base+24(FP), DI
	VXORPD Y0, Y0, Y0
	SUBQ   $8, CX
	JLT    four

eight:
	PREFETCHT0 AHEAD(DI)
	PREFETCHT0 AHEAD(SI)
	VMOVUPD (DI), Y4
	VMOVUPD 32(DI), Y5
	VMULPD  (SI), Y4, Y6
	VMULPD  32(SI), Y5, Y7
	VADDPD  Y6, Y0, Y0
	VADDPD  Y7, Y0, Y0
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $8, CX
	JGE     eight

four:
	ADDQ    $4, CX
	JLT     rest
	VMOVUPD (DI), Y4
	VMULPD  (SI), Y4, Y6
	VADDPD  Y6, Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, DI
	SUBQ    $4, CX

rest:
	VEXTRACTF128 $1, Y0, X2
	ADDQ         $4, CX
	JEQ          sum

one:
	VMOVSD (DI), X4
	VMULSD (SI), X4, X6
	VADDSD X6, X0, X0
	ADDQ   $8, SI
	ADDQ   $8, DI
	DECQ   CX
	JNE    one

sum:
	VHADDPD    X2, X0, X0
	VHADDPD    X0, X0, X0
	VMOVSD     X0, xy+48(FP)
	VZEROUPPER
	RET
