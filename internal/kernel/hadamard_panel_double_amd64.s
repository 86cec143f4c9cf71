//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "hadamard_dots_amd64.h"

// The strips of hadamard_panel_amd64.s in double precision, in which nothing is taken as zero.

#define FLUSH(t)
#define KEEP
#define DOUBLE
#define NEXT ADDQ R8, SI; ADDQ $8, DI; ADDQ $8, DX

// The sums of vᵀx in S, of uᵀx in U.
#define DOTS4(S, U) \
	VMOVUPD      (SI), Y8     \
	VBROADCASTSD (DI), Y10    \
	VBROADCASTSD (DX), Y11    \
	VMULPD       Y8, Y10, Y10 \
	VMULPD       Y8, Y11, Y11 \
	VADDPD       Y10, S, S    \
	VADDPD       Y11, U, U    \
	NEXT

#define DOTS8(S, U) \
	VMOVUPD     (SI), Z8      \
	VMULPD.BCST (DI), Z8, Z10 \
	VMULPD.BCST (DX), Z8, Z11 \
	VADDPD      Z10, S, S     \
	VADDPD      Z11, U, U     \
	NEXT

// func panelPairDotDouble8(x *float64, stride int, v, u *float64, rows int, sums *float64)
#define NAME ·panelPairDotDouble8
#define FRAME $0-48
#define LOAD ARGS; ZEROZ4
#define FETCH2 STREAM
#define PAIR DOTS8(Z0, Z1); DOTS8(Z2, Z3)
#define LAST DOTS8(Z0, Z1)
#define END VADDPD Z2, Z0, Z0; VADDPD Z3, Z1, Z1; VMOVUPD Z0, (BX); VMOVUPD Z1, 64(BX)
#include "block_rows_amd64.h"

// func panelPairDotDouble4(x *float64, stride int, v, u *float64, rows int, sums *float64)
#define NAME ·panelPairDotDouble4
#define FRAME $0-48
#define LOAD ARGS; ZEROY4
#define FETCH2 STREAM
#define PAIR DOTS4(Y0, Y1); DOTS4(Y2, Y3)
#define LAST DOTS4(Y0, Y1)
#define END VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VMOVUPD Y0, (BX); VMOVUPD Y1, 32(BX)
#include "block_rows_amd64.h"

// func hadamardPanelDouble8(dst, x *float64, stride int, v, d, a, b *float64, groups int)
#define NAME ·hadamardPanelDouble8
#define ZMM
#include "hadamard_panel_amd64.h"

// func hadamardPanelDouble4(dst, x *float64, stride int, v, d, a, b *float64, groups int)
#define NAME ·hadamardPanelDouble4
#define YMM
#include "hadamard_panel_amd64.h"
