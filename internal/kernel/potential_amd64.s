//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"

// The loops of potential_amd64.go, four values at a time, with every operation
// rounded as in the plain twins.

DATA half<>+0(SB)/8, $0.5
GLOBL half<>(SB), RODATA, $8
DATA one<>+0(SB)/8, $1.0
GLOBL one<>(SB), RODATA, $8
DATA onehalf<>+0(SB)/8, $1.5
GLOBL onehalf<>(SB), RODATA, $8
DATA two<>+0(SB)/8, $2.0
GLOBL two<>(SB), RODATA, $8

// func mulCharbonnierAVX2(u, t *float64, seed *float32, n int, c, eps2 float64)
TEXT ·mulCharbonnierAVX2(SB), NOSPLIT, $0-48
	MOVQ u+0(FP), DI
	MOVQ t+8(FP), SI
	MOVQ seed+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSD c+32(FP), Y15
	VBROADCASTSD eps2+40(FP), Y14
	VBROADCASTSD half<>(SB), Y13
	VBROADCASTSD onehalf<>(SB), Y12

loop:
	VMOVUPD (SI), Y0
	VCVTPS2PD (DX), Y1
	VMULPD Y0, Y0, Y0
	VADDPD Y14, Y0, Y0
	VMULPD Y13, Y0, Y0
	VMULPD Y1, Y1, Y2
	VMULPD Y2, Y0, Y0
	VSUBPD Y0, Y12, Y0
	VMULPD Y0, Y1, Y1
	VMULPD Y1, Y1, Y2
	VMULPD Y1, Y2, Y2
	VMULPD Y2, Y15, Y2
	VMULPD (DI), Y2, Y2
	VMOVUPD Y2, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	ADDQ $16, DX
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func mulLorentzianAVX2(u, t *float64, seed *float32, n int, c float64)
TEXT ·mulLorentzianAVX2(SB), NOSPLIT, $0-40
	MOVQ u+0(FP), DI
	MOVQ t+8(FP), SI
	MOVQ seed+16(FP), DX
	MOVQ n+24(FP), CX
	VBROADCASTSD c+32(FP), Y15
	VBROADCASTSD half<>(SB), Y13
	VBROADCASTSD one<>(SB), Y12
	VBROADCASTSD two<>(SB), Y11

loop:
	VMOVUPD (SI), Y0
	VCVTPS2PD (DX), Y1
	VMULPD Y0, Y13, Y2
	VMULPD Y0, Y2, Y0
	VADDPD Y0, Y12, Y2
	VMULPD Y1, Y2, Y2
	VSUBPD Y2, Y11, Y2
	VMULPD Y2, Y1, Y1
	VMULPD Y1, Y1, Y1
	VSUBPD Y0, Y12, Y0
	VMULPD Y1, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMULPD (DI), Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ $32, DI
	ADDQ $32, SI
	ADDQ $16, DX
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func charbonnierSeedsAVX2(seed *float32, t *float64, n int, eps2 float64)
TEXT ·charbonnierSeedsAVX2(SB), NOSPLIT, $0-32
	MOVQ seed+0(FP), DX
	MOVQ t+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSD eps2+24(FP), Y14
	VBROADCASTSD one<>(SB), Y12

loop:
	VMOVUPD (SI), Y0
	VMULPD Y0, Y0, Y0
	VADDPD Y14, Y0, Y0
	VSQRTPD Y0, Y0
	VDIVPD Y0, Y12, Y0
	VCVTPD2PSY Y0, X0
	VMOVUPS X0, (DX)
	ADDQ $32, SI
	ADDQ $16, DX
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func lorentzianSeedsAVX2(seed *float32, t *float64, n int)
TEXT ·lorentzianSeedsAVX2(SB), NOSPLIT, $0-24
	MOVQ seed+0(FP), DX
	MOVQ t+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSD half<>(SB), Y13
	VBROADCASTSD one<>(SB), Y12

loop:
	VMOVUPD (SI), Y0
	VMULPD Y0, Y13, Y1
	VMULPD Y0, Y1, Y0
	VADDPD Y0, Y12, Y0
	VDIVPD Y0, Y12, Y0
	VCVTPD2PSY Y0, X0
	VMOVUPS X0, (DX)
	ADDQ $32, SI
	ADDQ $16, DX
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func charbonnierSlopeAVX2(t *float64, n int, c, eps2 float64)
TEXT ·charbonnierSlopeAVX2(SB), NOSPLIT, $0-32
	MOVQ t+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSD c+16(FP), Y15
	VBROADCASTSD eps2+24(FP), Y14

loop:
	VMOVUPD (SI), Y0
	VMULPD Y0, Y0, Y1
	VADDPD Y14, Y1, Y1
	VSQRTPD Y1, Y1
	VDIVPD Y1, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMOVUPD Y0, (SI)
	ADDQ $32, SI
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func charbonnierCurvatureAVX2(t *float64, n int, c, eps2 float64)
TEXT ·charbonnierCurvatureAVX2(SB), NOSPLIT, $0-32
	MOVQ t+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSD c+16(FP), Y15
	VBROADCASTSD eps2+24(FP), Y14

loop:
	VMOVUPD (SI), Y0
	VMULPD Y0, Y0, Y1
	VADDPD Y14, Y1, Y1
	VSQRTPD Y1, Y0
	VMULPD Y0, Y1, Y0
	VDIVPD Y0, Y15, Y0
	VMOVUPD Y0, (SI)
	ADDQ $32, SI
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func lorentzianSlopeAVX2(t *float64, n int, c float64)
TEXT ·lorentzianSlopeAVX2(SB), NOSPLIT, $0-24
	MOVQ t+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSD c+16(FP), Y15
	VBROADCASTSD half<>(SB), Y13
	VBROADCASTSD one<>(SB), Y12

loop:
	VMOVUPD (SI), Y0
	VMULPD Y0, Y13, Y1
	VMULPD Y0, Y1, Y1
	VADDPD Y1, Y12, Y1
	VDIVPD Y1, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMOVUPD Y0, (SI)
	ADDQ $32, SI
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func lorentzianCurvatureAVX2(t *float64, n int, c float64)
TEXT ·lorentzianCurvatureAVX2(SB), NOSPLIT, $0-24
	MOVQ t+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSD c+16(FP), Y15
	VBROADCASTSD half<>(SB), Y13
	VBROADCASTSD one<>(SB), Y12

loop:
	VMOVUPD (SI), Y0
	VMULPD Y0, Y13, Y1
	VMULPD Y0, Y1, Y0
	VADDPD Y0, Y12, Y1
	VMULPD Y1, Y1, Y1
	VSUBPD Y0, Y12, Y0
	VDIVPD Y1, Y0, Y0
	VMULPD Y0, Y15, Y0
	VMOVUPD Y0, (SI)
	ADDQ $32, SI
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func mulFloat32AVX2(u *float64, w *float32, n int)
TEXT ·mulFloat32AVX2(SB), NOSPLIT, $0-24
	MOVQ u+0(FP), DI
	MOVQ w+8(FP), DX
	MOVQ n+16(FP), CX

loop:
	VCVTPS2PD (DX), Y1
	VMULPD (DI), Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ $32, DI
	ADDQ $16, DX
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func mulFloat64AVX2(u, w *float64, n int)
TEXT ·mulFloat64AVX2(SB), NOSPLIT, $0-24
	MOVQ u+0(FP), DI
	MOVQ w+8(FP), DX
	MOVQ n+16(FP), CX

loop:
	VMOVUPD (DX), Y1
	VMULPD (DI), Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ $32, DI
	ADDQ $32, DX
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func axpyAVX2(y *float64, a float64, x *float64, n int)
TEXT ·axpyAVX2(SB), NOSPLIT, $0-32
	MOVQ y+0(FP), DI
	VBROADCASTSD a+8(FP), Y15
	MOVQ x+16(FP), DX
	MOVQ n+24(FP), CX

loop:
	PREFETCHT0 AHEAD(DX)
	PREFETCHT0 AHEAD(DI)
	VMULPD (DX), Y15, Y1
	VADDPD (DI), Y1, Y1
	VMOVUPD Y1, (DI)
	ADDQ $32, DI
	ADDQ $32, DX
	SUBQ $4, CX
	JNE loop
	VZEROUPPER
	RET

// func charbonnierSumAVX2(t *float64, n int, eps, eps2 float64) float64
TEXT ·charbonnierSumAVX2(SB), NOSPLIT, $0-40
	MOVQ t+0(FP), SI
	MOVQ n+8(FP), CX
	VBROADCASTSD eps+16(FP), Y15
	VBROADCASTSD eps2+24(FP), Y14
	VXORPD Y3, Y3, Y3

loop:
	VMOVUPD (SI), Y0
	VMULPD Y0, Y0, Y0
	VADDPD Y14, Y0, Y0
	VSQRTPD Y0, Y0
	VSUBPD Y15, Y0, Y0
	VADDPD Y0, Y3, Y3
	ADDQ $32, SI
	SUBQ $4, CX
	JNE loop
	VEXTRACTF128 $1, Y3, X2
	VHADDPD X2, X3, X3
	VHADDPD X3, X3, X3
	VMOVSD X3, ret+32(FP)
	VZEROUPPER
	RET
