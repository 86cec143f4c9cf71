//go:build !purego

#include "textflag.h"

// The loops of conv3_amd64.go, four positions or columns at a time, with every
// product and sum rounded as in the plain twins.

// COLUMN is dctColumn of the column at byte offset b: (s0, s1, s2) of the rows
// in SI, DX, BX.
#define COLUMN(b, s0, s1, s2) \
	VMOVUPD b(SI), Y9    \
	VMOVUPD b(BX), s0    \
	VSUBPD  Y9, s0, s1   \
	VADDPD  s0, Y9, s0   \
	VMOVUPD b(DX), Y9    \
	VADDPD  Y9, Y9, Y10  \
	VSUBPD  Y10, s0, s2  \
	VADDPD  Y9, s0, s0

// func dct3ResponsesAVX2(t *float64, stride int, r0, r1, r2 *float64, n int, c *[5]float64)
TEXT ·dct3ResponsesAVX2(SB), NOSPLIT, $0-56
	MOVQ         t+0(FP), DI
	MOVQ         stride+8(FP), R8
	MOVQ         r0+16(FP), SI
	MOVQ         r1+24(FP), DX
	MOVQ         r2+32(FP), BX
	MOVQ         n+40(FP), CX
	MOVQ         c+48(FP), AX
	VBROADCASTSD (AX), Y11   // 1/√6
	VBROADCASTSD 8(AX), Y12  // 1/√18
	VBROADCASTSD 16(AX), Y13 // 1/2
	VBROADCASTSD 24(AX), Y14 // 1/√12
	VBROADCASTSD 32(AX), Y15 // 1/6
	SHLQ         $3, R8
	LEAQ         (R8)(R8*2), R9 // 3 planes
	LEAQ         (DI)(R8*4), R10

loop:
	COLUMN(0, Y0, Y3, Y6)
	COLUMN(8, Y1, Y4, Y7)
	COLUMN(16, Y2, Y5, Y8)

	VSUBPD  Y0, Y2, Y9
	VMULPD  Y9, Y11, Y9
	VMOVUPD Y9, (DI)
	VADDPD  Y2, Y0, Y9
	VADDPD  Y1, Y1, Y10
	VSUBPD  Y10, Y9, Y9
	VMULPD  Y9, Y12, Y9
	VMOVUPD Y9, (DI)(R8*1)

	VADDPD  Y5, Y3, Y9
	VADDPD  Y4, Y9, Y10
	VMULPD  Y10, Y11, Y10
	VMOVUPD Y10, (DI)(R8*2)
	VSUBPD  Y3, Y5, Y10
	VMULPD  Y10, Y13, Y10
	VMOVUPD Y10, (DI)(R9*1)
	VADDPD  Y4, Y4, Y10
	VSUBPD  Y10, Y9, Y9
	VMULPD  Y9, Y14, Y9
	VMOVUPD Y9, (R10)

	VADDPD  Y8, Y6, Y9
	VADDPD  Y7, Y9, Y10
	VMULPD  Y10, Y12, Y10
	VMOVUPD Y10, (R10)(R8*1)
	VSUBPD  Y6, Y8, Y10
	VMULPD  Y10, Y14, Y10
	VMOVUPD Y10, (R10)(R8*2)
	VADDPD  Y7, Y7, Y10
	VSUBPD  Y10, Y9, Y9
	VMULPD  Y9, Y15, Y9
	VMOVUPD Y9, (R10)(R9*1)

	ADDQ $32, SI
	ADDQ $32, DX
	ADDQ $32, BX
	ADDQ $32, DI
	ADDQ $32, R10
	SUBQ $4, CX
	JNE  loop
	VZEROUPPER
	RET

// EVEN1 is s = c·(u[j−2] + u[j−1] + u[j]), ODD s = c·(u[j−2] − u[j]) and EVEN2
// s = c·((u[j−2] + u[j]) − 2u[j−1]) of the plane at p.
#define EVEN1(p, c, s) \
	VMOVUPD -16(p), s   \
	VADDPD  (p), s, s   \
	VADDPD  -8(p), s, s \
	VMULPD  s, c, s
#define ODD(p, c, s) \
	VMOVUPD -16(p), s   \
	VSUBPD  (p), s, s   \
	VMULPD  s, c, s
#define EVEN2(p, c, s) \
	VMOVUPD -16(p), s   \
	VADDPD  (p), s, s   \
	VMOVUPD -8(p), Y9   \
	VADDPD  Y9, Y9, Y9  \
	VSUBPD  Y9, s, s    \
	VMULPD  s, c, s

// func dct3AdjointAVX2(o0, o1, o2, u *float64, stride int, n int, c *[5]float64)
TEXT ·dct3AdjointAVX2(SB), NOSPLIT, $0-56
	MOVQ         o0+0(FP), SI
	MOVQ         o1+8(FP), DX
	MOVQ         o2+16(FP), BX
	MOVQ         u+24(FP), DI
	MOVQ         stride+32(FP), R8
	MOVQ         n+40(FP), CX
	MOVQ         c+48(FP), AX
	VBROADCASTSD (AX), Y11
	VBROADCASTSD 8(AX), Y12
	VBROADCASTSD 16(AX), Y13
	VBROADCASTSD 24(AX), Y14
	VBROADCASTSD 32(AX), Y15
	SHLQ         $3, R8
	LEAQ         (DI)(R8*1), R9
	LEAQ         (R9)(R8*1), R10
	LEAQ         (R10)(R8*1), R11
	LEAQ         (R11)(R8*1), R12
	LEAQ         (R12)(R8*1), R13
	LEAQ         (R13)(R8*1), AX
	ADDQ         AX, R8

loop:
	ODD(DI, Y11, Y0)
	EVEN2(R9, Y12, Y1)
	VADDPD Y1, Y0, Y0 // s0
	EVEN1(R10, Y11, Y2)
	ODD(R11, Y13, Y3)
	VADDPD Y3, Y2, Y2
	EVEN2(R12, Y14, Y4)
	VADDPD Y4, Y2, Y2 // s1
	EVEN1(R13, Y12, Y5)
	ODD(AX, Y14, Y6)
	VADDPD Y6, Y5, Y5
	EVEN2(R8, Y15, Y7)
	VADDPD Y7, Y5, Y5 // s2

	VADDPD  Y5, Y0, Y1 // e = s0 + s2
	VSUBPD  Y2, Y1, Y3
	VADDPD  (SI), Y3, Y3
	VMOVUPD Y3, (SI)
	VADDPD  Y5, Y5, Y5
	VSUBPD  Y5, Y0, Y0
	VADDPD  (DX), Y0, Y0
	VMOVUPD Y0, (DX)
	VADDPD  Y2, Y1, Y1
	VADDPD  (BX), Y1, Y1
	VMOVUPD Y1, (BX)

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
	SUBQ $4, CX
	JNE  loop
	VZEROUPPER
	RET

// func conv3ResponsesAVX2(t, r0, r1, r2 *float64, n int, f *[9]float64)
TEXT ·conv3ResponsesAVX2(SB), NOSPLIT, $0-48
	MOVQ         t+0(FP), DI
	MOVQ         r0+8(FP), SI
	MOVQ         r1+16(FP), DX
	MOVQ         r2+24(FP), BX
	MOVQ         n+32(FP), CX
	MOVQ         f+40(FP), AX
	VBROADCASTSD (AX), Y8
	VBROADCASTSD 8(AX), Y7
	VBROADCASTSD 16(AX), Y6
	VBROADCASTSD 24(AX), Y5
	VBROADCASTSD 32(AX), Y4
	VBROADCASTSD 40(AX), Y3
	VBROADCASTSD 48(AX), Y2
	VBROADCASTSD 56(AX), Y1
	VBROADCASTSD 64(AX), Y0

loop:
	VMULPD  (SI), Y0, Y9
	VMULPD  8(SI), Y1, Y10
	VADDPD  Y10, Y9, Y9
	VMULPD  16(SI), Y2, Y10
	VADDPD  Y10, Y9, Y9
	VMULPD  (DX), Y3, Y11
	VMULPD  8(DX), Y4, Y12
	VADDPD  Y12, Y11, Y11
	VMULPD  16(DX), Y5, Y12
	VADDPD  Y12, Y11, Y11
	VADDPD  Y11, Y9, Y9
	VMULPD  (BX), Y6, Y13
	VMULPD  8(BX), Y7, Y14
	VADDPD  Y14, Y13, Y13
	VMULPD  16(BX), Y8, Y14
	VADDPD  Y14, Y13, Y13
	VADDPD  Y13, Y9, Y9
	VMOVUPD Y9, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, DI
	SUBQ    $4, CX
	JNE     loop
	VZEROUPPER
	RET

// func conv3AdjointAVX2(o0, o1, o2, u *float64, n int, f *[9]float64)
TEXT ·conv3AdjointAVX2(SB), NOSPLIT, $0-48
	MOVQ         o0+0(FP), SI
	MOVQ         o1+8(FP), DX
	MOVQ         o2+16(FP), BX
	MOVQ         u+24(FP), DI
	MOVQ         n+32(FP), CX
	MOVQ         f+40(FP), AX
	VBROADCASTSD (AX), Y0
	VBROADCASTSD 8(AX), Y1
	VBROADCASTSD 16(AX), Y2
	VBROADCASTSD 24(AX), Y3
	VBROADCASTSD 32(AX), Y4
	VBROADCASTSD 40(AX), Y5
	VBROADCASTSD 48(AX), Y6
	VBROADCASTSD 56(AX), Y7
	VBROADCASTSD 64(AX), Y8

loop:
	VMOVUPD (DI), Y9
	VMOVUPD -8(DI), Y10
	VMOVUPD -16(DI), Y11
	VMULPD  Y9, Y8, Y12
	VMULPD  Y10, Y7, Y13
	VADDPD  Y13, Y12, Y12
	VMULPD  Y11, Y6, Y13
	VADDPD  Y13, Y12, Y12
	VADDPD  (SI), Y12, Y12
	VMOVUPD Y12, (SI)
	VMULPD  Y9, Y5, Y12
	VMULPD  Y10, Y4, Y13
	VADDPD  Y13, Y12, Y12
	VMULPD  Y11, Y3, Y13
	VADDPD  Y13, Y12, Y12
	VADDPD  (DX), Y12, Y12
	VMOVUPD Y12, (DX)
	VMULPD  Y9, Y2, Y12
	VMULPD  Y10, Y1, Y13
	VADDPD  Y13, Y12, Y12
	VMULPD  Y11, Y0, Y13
	VADDPD  Y13, Y12, Y12
	VADDPD  (BX), Y12, Y12
	VMOVUPD Y12, (BX)
	ADDQ    $32, SI
	ADDQ    $32, DX
	ADDQ    $32, BX
	ADDQ    $32, DI
	SUBQ    $4, CX
	JNE     loop
	VZEROUPPER
	RET
