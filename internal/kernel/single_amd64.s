//go:build !purego

#include "textflag.h"

// The loops of single_amd64.go, eight positions or columns at a time, with every
// product and sum rounded as in the plain twins.

// COLUMN is dctColumnSingle of the column at byte offset b: (s0, s1, s2) of the
// rows in SI, DX, BX.
#define COLUMN(b, s0, s1, s2) \
	VMOVUPS b(SI), Y9    \
	VMOVUPS b(BX), s0    \
	VSUBPS  Y9, s0, s1   \
	VADDPS  s0, Y9, s0   \
	VMOVUPS b(DX), Y9    \
	VADDPS  Y9, Y9, Y10  \
	VSUBPS  Y10, s0, s2  \
	VADDPS  Y9, s0, s0

// WEIGHTED stores s times the weights at w to t.
#define WEIGHTED(s, w, t) \
	VPMOVZXWD w, Y11         \
	VPSLLD    $16, Y11, Y11  \
	VMULPS    Y11, s, s      \
	VMOVUPS   s, t

// func dct3WeightedSingleAVX2(t *float32, stride int, r0, r1, r2 *float32, w *uint16, n int)
TEXT ·dct3WeightedSingleAVX2(SB), NOSPLIT, $0-56
	MOVQ t+0(FP), DI
	MOVQ stride+8(FP), R8
	MOVQ r0+16(FP), SI
	MOVQ r1+24(FP), DX
	MOVQ r2+32(FP), BX
	MOVQ w+40(FP), AX
	MOVQ n+48(FP), CX
	SHLQ $2, R8
	LEAQ (R8)(R8*2), R9     // 3 planes
	LEAQ (DI)(R8*4), R10

loop:
	COLUMN(0, Y0, Y3, Y6)
	COLUMN(4, Y1, Y4, Y7)
	COLUMN(8, Y2, Y5, Y8)

	VSUBPS Y0, Y2, Y9
	WEIGHTED(Y9, (AX), (DI))
	VADDPS Y2, Y0, Y9
	VADDPS Y1, Y1, Y10
	VSUBPS Y10, Y9, Y9
	WEIGHTED(Y9, 16(AX), (DI)(R8*1))

	VADDPS Y5, Y3, Y9
	VADDPS Y4, Y9, Y10
	WEIGHTED(Y10, 32(AX), (DI)(R8*2))
	VSUBPS Y3, Y5, Y10
	WEIGHTED(Y10, 48(AX), (DI)(R9*1))
	VADDPS Y4, Y4, Y10
	VSUBPS Y10, Y9, Y9
	WEIGHTED(Y9, 64(AX), (R10))

	VADDPS Y8, Y6, Y9
	VADDPS Y7, Y9, Y10
	WEIGHTED(Y10, 80(AX), (R10)(R8*1))
	VSUBPS Y6, Y8, Y10
	WEIGHTED(Y10, 96(AX), (R10)(R8*2))
	VADDPS Y7, Y7, Y10
	VSUBPS Y10, Y9, Y9
	WEIGHTED(Y9, 112(AX), (R10)(R9*1))

	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, BX
	ADDQ $32, DI
	ADDQ $32, R10
	ADDQ $128, AX
	SUBQ $8, CX
	JNE  loop
	VZEROUPPER
	RET

// EVEN1 is s = u[j−2] + u[j] + u[j−1], ODD s = u[j−2] − u[j] and EVEN2
// s = (u[j−2] + u[j]) − 2u[j−1] of the plane at p.
#define EVEN1(p, s) \
	VMOVUPS -8(p), s   \
	VADDPS  (p), s, s  \
	VADDPS  -4(p), s, s
#define ODD(p, s) \
	VMOVUPS -8(p), s   \
	VSUBPS  (p), s, s
#define EVEN2(p, s) \
	VMOVUPS -8(p), s   \
	VADDPS  (p), s, s  \
	VMOVUPS -4(p), Y9  \
	VADDPS  Y9, Y9, Y9 \
	VSUBPS  Y9, s, s

// func dct3AdjointSingleAVX2(o0, o1, o2, u *float32, stride int, n int)
TEXT ·dct3AdjointSingleAVX2(SB), NOSPLIT, $0-48
	MOVQ o0+0(FP), SI
	MOVQ o1+8(FP), DX
	MOVQ o2+16(FP), BX
	MOVQ u+24(FP), DI
	MOVQ stride+32(FP), R8
	MOVQ n+40(FP), CX
	SHLQ $2, R8
	LEAQ (DI)(R8*1), R9
	LEAQ (R9)(R8*1), R10
	LEAQ (R10)(R8*1), R11
	LEAQ (R11)(R8*1), R12
	LEAQ (R12)(R8*1), R13
	LEAQ (R13)(R8*1), AX
	ADDQ AX, R8

loop:
	ODD(DI, Y0)
	EVEN2(R9, Y1)
	VADDPS Y1, Y0, Y0 // s0
	EVEN1(R10, Y2)
	ODD(R11, Y3)
	VADDPS Y3, Y2, Y2
	EVEN2(R12, Y4)
	VADDPS Y4, Y2, Y2 // s1
	EVEN1(R13, Y5)
	ODD(AX, Y6)
	VADDPS Y6, Y5, Y5
	EVEN2(R8, Y7)
	VADDPS Y7, Y5, Y5 // s2

	VADDPS  Y5, Y0, Y1 // e = s0 + s2
	VSUBPS  Y2, Y1, Y3
	VADDPS  (SI), Y3, Y3
	VMOVUPS Y3, (SI)
	VADDPS  Y5, Y5, Y5
	VSUBPS  Y5, Y0, Y0
	VADDPS  (DX), Y0, Y0
	VMOVUPS Y0, (DX)
	VADDPS  Y2, Y1, Y1
	VADDPS  (BX), Y1, Y1
	VMOVUPS Y1, (BX)

	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, BX
	ADDQ $32, DI
	ADDQ $32, R8
	ADDQ $32, R9
	ADDQ $32, R10
	ADDQ $32, R11
	ADDQ $32, R12
	ADDQ $32, R13
	ADDQ $32, AX
	SUBQ $8, CX
	JNE  loop
	VZEROUPPER
	RET

// func conv3WeightedSingleAVX2(t, r0, r1, r2 *float32, w *uint16, n int, f *[9]float32)
TEXT ·conv3WeightedSingleAVX2(SB), NOSPLIT, $0-56
	MOVQ         t+0(FP), DI
	MOVQ         r0+8(FP), SI
	MOVQ         r1+16(FP), DX
	MOVQ         r2+24(FP), BX
	MOVQ         w+32(FP), R8
	MOVQ         n+40(FP), CX
	MOVQ         f+48(FP), AX
	VBROADCASTSS (AX), Y8
	VBROADCASTSS 4(AX), Y7
	VBROADCASTSS 8(AX), Y6
	VBROADCASTSS 12(AX), Y5
	VBROADCASTSS 16(AX), Y4
	VBROADCASTSS 20(AX), Y3
	VBROADCASTSS 24(AX), Y2
	VBROADCASTSS 28(AX), Y1
	VBROADCASTSS 32(AX), Y0

loop:
	VMULPS  (SI), Y0, Y9
	VMULPS  4(SI), Y1, Y10
	VADDPS  Y10, Y9, Y9
	VMULPS  8(SI), Y2, Y10
	VADDPS  Y10, Y9, Y9
	VMULPS  (DX), Y3, Y11
	VMULPS  4(DX), Y4, Y12
	VADDPS  Y12, Y11, Y11
	VMULPS  8(DX), Y5, Y12
	VADDPS  Y12, Y11, Y11
	VADDPS  Y11, Y9, Y9
	VMULPS  (BX), Y6, Y13
	VMULPS  4(BX), Y7, Y14
	VADDPS  Y14, Y13, Y13
	VMULPS  8(BX), Y8, Y14
	VADDPS  Y14, Y13, Y13
	VADDPS  Y13, Y9, Y9
	VPMOVZXWD (R8), Y10
	VPSLLD $16, Y10, Y10
	VMULPS  Y10, Y9, Y9
	VMOVUPS Y9, (DI)
	ADDQ    $128, R8
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JNE     loop
	VZEROUPPER
	RET

// func conv3AdjointSingleAVX2(o0, o1, o2, u *float32, n int, f *[9]float32)
TEXT ·conv3AdjointSingleAVX2(SB), NOSPLIT, $0-48
	MOVQ         o0+0(FP), SI
	MOVQ         o1+8(FP), DX
	MOVQ         o2+16(FP), BX
	MOVQ         u+24(FP), DI
	MOVQ         n+32(FP), CX
	MOVQ         f+40(FP), AX
	VBROADCASTSS (AX), Y0
	VBROADCASTSS 4(AX), Y1
	VBROADCASTSS 8(AX), Y2
	VBROADCASTSS 12(AX), Y3
	VBROADCASTSS 16(AX), Y4
	VBROADCASTSS 20(AX), Y5
	VBROADCASTSS 24(AX), Y6
	VBROADCASTSS 28(AX), Y7
	VBROADCASTSS 32(AX), Y8

loop:
	VMOVUPS (DI), Y9
	VMOVUPS -4(DI), Y10
	VMOVUPS -8(DI), Y11
	VMULPS  Y9, Y8, Y12
	VMULPS  Y10, Y7, Y13
	VADDPS  Y13, Y12, Y12
	VMULPS  Y11, Y6, Y13
	VADDPS  Y13, Y12, Y12
	VADDPS  (SI), Y12, Y12
	VMOVUPS Y12, (SI)
	VMULPS  Y9, Y5, Y12
	VMULPS  Y10, Y4, Y13
	VADDPS  Y13, Y12, Y12
	VMULPS  Y11, Y3, Y13
	VADDPS  Y13, Y12, Y12
	VADDPS  (DX), Y12, Y12
	VMOVUPS Y12, (DX)
	VMULPS  Y9, Y2, Y12
	VMULPS  Y10, Y1, Y13
	VADDPS  Y13, Y12, Y12
	VMULPS  Y11, Y0, Y13
	VADDPS  Y13, Y12, Y12
	VADDPS  (BX), Y12, Y12
	VMOVUPS Y12, (BX)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, DI
	SUBQ    $8, CX
	JNE     loop
	VZEROUPPER
	RET

// func chebyshevStepSingleAVX2(out, in, q, d, b *float32, n int, c, f float32)
TEXT ·chebyshevStepSingleAVX2(SB), NOSPLIT, $0-56
	MOVQ         out+0(FP), DI
	MOVQ         in+8(FP), SI
	MOVQ         q+16(FP), DX
	MOVQ         d+24(FP), BX
	MOVQ         b+32(FP), R8
	MOVQ         n+40(FP), CX
	VBROADCASTSS c+48(FP), Y14
	VBROADCASTSS f+52(FP), Y15
	XORQ         AX, AX

loop:
	VMOVUPS (SI)(AX*4), Y0
	VSUBPS  (DI)(AX*4), Y0, Y1
	VMULPS  Y1, Y14, Y1
	VADDPS  Y1, Y0, Y0
	VMOVUPS (R8)(AX*4), Y2
	VSUBPS  (DX)(AX*4), Y2, Y2
	VMULPS  (BX)(AX*4), Y15, Y3
	VMULPS  Y2, Y3, Y2
	VADDPS  Y2, Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET

// func axpySingleAVX2(y, x *float32, n int, a float32)
TEXT ·axpySingleAVX2(SB), NOSPLIT, $0-28
	MOVQ         y+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         n+16(FP), CX
	VBROADCASTSS a+24(FP), Y15
	XORQ         AX, AX

loop:
	VMULPS  (SI)(AX*4), Y15, Y0
	VADDPS  (DI)(AX*4), Y0, Y0
	VMOVUPS Y0, (DI)(AX*4)
	ADDQ    $8, AX
	CMPQ    AX, CX
	JLT     loop
	VZEROUPPER
	RET
