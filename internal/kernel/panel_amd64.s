//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"

// The loops of panel.go over four vectors at a time. Products and sums are rounded
// one by one in the order of the plain twins; the four elements of a register are
// the four running sums of a twin. n is the length, a multiple of four; what
// remains is left to the caller.

// func dots4AVX2(w, a, b, c, d *float64, n int, sums *[4][4]float64)
TEXT ·dots4AVX2(SB), NOSPLIT, $0-56
	MOVQ   w+0(FP), SI
	MOVQ   a+8(FP), R8
	MOVQ   b+16(FP), R9
	MOVQ   c+24(FP), R10
	MOVQ   d+32(FP), R11
	MOVQ   n+40(FP), CX
	MOVQ   sums+48(FP), DX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	XORQ   AX, AX
	SUBQ   $8, CX
	JLT    four

eight:
	PREFETCHT0 AHEAD(R8)(AX*8)
	PREFETCHT0 AHEAD(R9)(AX*8)
	PREFETCHT0 AHEAD(R10)(AX*8)
	PREFETCHT0 AHEAD(R11)(AX*8)
	VMOVUPD    (SI)(AX*8), Y4
	VMOVUPD    32(SI)(AX*8), Y5
	VMULPD     (R8)(AX*8), Y4, Y6
	VMULPD     (R9)(AX*8), Y4, Y7
	VMULPD     (R10)(AX*8), Y4, Y8
	VMULPD     (R11)(AX*8), Y4, Y9
	VADDPD     Y6, Y0, Y0
	VADDPD     Y7, Y1, Y1
	VADDPD     Y8, Y2, Y2
	VADDPD     Y9, Y3, Y3
	VMULPD     32(R8)(AX*8), Y5, Y6
	VMULPD     32(R9)(AX*8), Y5, Y7
	VMULPD     32(R10)(AX*8), Y5, Y8
	VMULPD     32(R11)(AX*8), Y5, Y9
	VADDPD     Y6, Y0, Y0
	VADDPD     Y7, Y1, Y1
	VADDPD     Y8, Y2, Y2
	VADDPD     Y9, Y3, Y3
	ADDQ       $8, AX
	SUBQ       $8, CX
	JGE        eight

four:
	ADDQ    $4, CX
	JLT     done
	VMOVUPD (SI)(AX*8), Y4
	VMULPD  (R8)(AX*8), Y4, Y6
	VMULPD  (R9)(AX*8), Y4, Y7
	VMULPD  (R10)(AX*8), Y4, Y8
	VMULPD  (R11)(AX*8), Y4, Y9
	VADDPD  Y6, Y0, Y0
	VADDPD  Y7, Y1, Y1
	VADDPD  Y8, Y2, Y2
	VADDPD  Y9, Y3, Y3

done:
	VMOVUPD Y0, (DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VMOVUPD Y3, 96(DX)
	VZEROUPPER
	RET

// func add4AVX2(w *float64, h *[4]float64, a, b, c, d *float64, n int)
TEXT ·add4AVX2(SB), NOSPLIT, $0-56
	MOVQ         w+0(FP), DI
	MOVQ         h+8(FP), DX
	MOVQ         a+16(FP), R8
	MOVQ         b+24(FP), R9
	MOVQ         c+32(FP), R10
	MOVQ         d+40(FP), R11
	MOVQ         n+48(FP), CX
	VBROADCASTSD (DX), Y12
	VBROADCASTSD 8(DX), Y13
	VBROADCASTSD 16(DX), Y14
	VBROADCASTSD 24(DX), Y15
	XORQ         AX, AX
	SUBQ         $8, CX
	JLT          four

eight:
	PREFETCHT0 AHEAD(R8)(AX*8)
	PREFETCHT0 AHEAD(R9)(AX*8)
	PREFETCHT0 AHEAD(R10)(AX*8)
	PREFETCHT0 AHEAD(R11)(AX*8)
	VMULPD     (R8)(AX*8), Y12, Y0
	VMULPD     (R9)(AX*8), Y13, Y1
	VMULPD     (R10)(AX*8), Y14, Y2
	VMULPD     (R11)(AX*8), Y15, Y3
	VMULPD     32(R8)(AX*8), Y12, Y4
	VMULPD     32(R9)(AX*8), Y13, Y5
	VMULPD     32(R10)(AX*8), Y14, Y6
	VMULPD     32(R11)(AX*8), Y15, Y7
	VADDPD     Y1, Y0, Y0
	VADDPD     Y3, Y2, Y2
	VADDPD     Y5, Y4, Y4
	VADDPD     Y7, Y6, Y6
	VADDPD     Y2, Y0, Y0
	VADDPD     Y6, Y4, Y4
	VADDPD     (DI)(AX*8), Y0, Y0
	VADDPD     32(DI)(AX*8), Y4, Y4
	VMOVUPD    Y0, (DI)(AX*8)
	VMOVUPD    Y4, 32(DI)(AX*8)
	ADDQ       $8, AX
	SUBQ       $8, CX
	JGE        eight

four:
	ADDQ    $4, CX
	JLT     done
	VMULPD  (R8)(AX*8), Y12, Y0
	VMULPD  (R9)(AX*8), Y13, Y1
	VMULPD  (R10)(AX*8), Y14, Y2
	VMULPD  (R11)(AX*8), Y15, Y3
	VADDPD  Y1, Y0, Y0
	VADDPD  Y3, Y2, Y2
	VADDPD  Y2, Y0, Y0
	VADDPD  (DI)(AX*8), Y0, Y0
	VMOVUPD Y0, (DI)(AX*8)

done:
	VZEROUPPER
	RET
