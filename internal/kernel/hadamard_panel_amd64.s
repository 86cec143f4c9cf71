//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"
#include "hadamard_dots_amd64.h"

// The strips of hadamard_panel_amd64.go. Strides are in bytes; a and b are those of the
// strip.

#define NEXT ADDQ R8, SI; ADDQ $4, DI; ADDQ $4, DX

// The sums of vᵀx in S and T, of uᵀx in U and V.
#define DOTS8(S, T, U, V) \
	VCVTPS2PD    (SI), Y8    \
	VCVTPS2PD    16(SI), Y9  \
	VBROADCASTSS (DI), X10   \
	VBROADCASTSS (DX), X11   \
	VCVTPS2PD    X10, Y10    \
	VCVTPS2PD    X11, Y11    \
	VFMADD231PD  Y8, Y10, S  \
	VFMADD231PD  Y9, Y10, T  \
	VFMADD231PD  Y8, Y11, U  \
	VFMADD231PD  Y9, Y11, V  \
	NEXT

#define DOTS4(S, U) \
	VCVTPS2PD    (SI), Y8    \
	VBROADCASTSS (DI), X10   \
	VBROADCASTSS (DX), X11   \
	VCVTPS2PD    X10, Y10    \
	VCVTPS2PD    X11, Y11    \
	VFMADD231PD  Y8, Y10, S  \
	VFMADD231PD  Y8, Y11, U  \
	NEXT

#define DOTS8WIDE(S, U) \
	VCVTPS2PD      (SI), Z8    \
	VCVTPS2PD.BCST (DI), Z10   \
	VCVTPS2PD.BCST (DX), Z11   \
	VFMADD231PD    Z8, Z10, S  \
	VFMADD231PD    Z8, Z11, U  \
	NEXT

// func panelPairDot8(x *float32, stride int, v, u *float32, rows int, sums *float64)
#define NAME ·panelPairDot8
#define FRAME $8-48
#define LOAD ARGS; ZEROY8
#define FETCH2 STREAM
#define PAIR DOTS8(Y0, Y1, Y2, Y3); DOTS8(Y4, Y5, Y6, Y7)
#define LAST DOTS8(Y0, Y1, Y2, Y3)
#define END VADDPD Y4, Y0, Y0; VADDPD Y5, Y1, Y1; VADDPD Y6, Y2, Y2; VADDPD Y7, Y3, Y3; VMOVUPD Y0, (BX); VMOVUPD Y1, 32(BX); VMOVUPD Y2, 64(BX); VMOVUPD Y3, 96(BX)
#include "block_rows_amd64.h"

// func panelPairDot8Wide(x *float32, stride int, v, u *float32, rows int, sums *float64)
#define NAME ·panelPairDot8Wide
#define FRAME $8-48
#define LOAD ARGS; ZEROZ4
#define FETCH2 STREAM
#define PAIR DOTS8WIDE(Z0, Z1); DOTS8WIDE(Z2, Z3)
#define LAST DOTS8WIDE(Z0, Z1)
#define END VADDPD Z2, Z0, Z0; VADDPD Z3, Z1, Z1; VMOVUPD Z0, (BX); VMOVUPD Z1, 64(BX)
#include "block_rows_amd64.h"

#define DOTS16(S, T, U, V) \
	VCVTPS2PD      (SI), Z8   \
	VCVTPS2PD      32(SI), Z9 \
	VCVTPS2PD.BCST (DI), Z10  \
	VCVTPS2PD.BCST (DX), Z11  \
	VFMADD231PD    Z8, Z10, S \
	VFMADD231PD    Z9, Z10, T \
	VFMADD231PD    Z8, Z11, U \
	VFMADD231PD    Z9, Z11, V \
	NEXT

// func panelPairDot16(x *float32, stride int, v, u *float32, rows int, sums *float64)
#define NAME ·panelPairDot16
#define FRAME $8-48
#define LOAD ARGS; ZEROZ8
#define FETCH2 STREAM
#define PAIR DOTS16(Z0, Z1, Z2, Z3); DOTS16(Z4, Z5, Z6, Z7)
#define LAST DOTS16(Z0, Z1, Z2, Z3)
#define END VADDPD Z4, Z0, Z0; VADDPD Z5, Z1, Z1; VADDPD Z6, Z2, Z2; VADDPD Z7, Z3, Z3; VMOVUPD Z0, (BX); VMOVUPD Z1, 64(BX); VMOVUPD Z2, 128(BX); VMOVUPD Z3, 192(BX)
#include "block_rows_amd64.h"

// func panelPairDot4(x *float32, stride int, v, u *float32, rows int, sums *float64)
#define NAME ·panelPairDot4
#define FRAME $8-48
#define LOAD ARGS; ZEROY4
#define FETCH2 STREAM
#define PAIR DOTS4(Y0, Y1); DOTS4(Y2, Y3)
#define LAST DOTS4(Y0, Y1)
#define END VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VMOVUPD Y0, (BX); VMOVUPD Y1, 32(BX)
#include "block_rows_amd64.h"

// func hadamardPanel16(dst, x *float32, stride int, v, d, a, b *float32, groups int)
#define NAME ·hadamardPanel16
#define ZMM
#include "hadamard_panel_amd64.h"

// func hadamardPanel8(dst, x *float32, stride int, v, d, a, b *float32, groups int)
#define NAME ·hadamardPanel8
#define YMM
#include "hadamard_panel_amd64.h"

// func hadamardPanel4(dst, x *float32, stride int, v, d, a, b *float32, groups int)
#define NAME ·hadamardPanel4
#define XMM
#include "hadamard_panel_amd64.h"
