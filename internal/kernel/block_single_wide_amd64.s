//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"

// Loops of block_single_amd64.s for rows of eight columns that follow each other, in
// registers of 512 bits: two rows at a time in single precision, one in double. The bits
// are the same.

#define STREAMS2 PREFETCHT0 AHEAD(SI); PREFETCHT0 AHEAD(DI)
#define NEXT2 ADDQ $64, SI; ADDQ $64, DI
#define ZERO2 VPXORQ Z0, Z0, Z0; VPXORQ Z1, Z1, Z1

#define DOT(at, S) \
	VCVTPS2PD   at(SI), Z2 \
	VCVTPS2PD   at(DI), Z3 \
	VFMADD231PD Z3, Z2, S

// func panelDotSingle8Wide(p, q *float32, rows int, sums *float64)
#define NAME ·panelDotSingle8Wide
#define FRAME $8-32
#define LOAD MOVQ p+0(FP), SI; MOVQ q+8(FP), DI; MOVQ rows+16(FP), CX; MOVQ sums+24(FP), DX; ZERO2
#define FETCH2 STREAMS2
#define PAIR DOT(0, Z0); DOT(32, Z1); NEXT2
#define LAST DOT(0, Z0)
#define END VADDPD Z1, Z0, Z0; VMOVUPD Z0, (DX)
#include "block_rows_amd64.h"

#define SUBTRACT(R4, R5, R15) \
	VMULPS  (SI), R15, R4 \
	VMOVUPS (DI), R5      \
	VSUBPS  R4, R5, R5    \
	VMOVUPS R5, (DI)

// func panelSubSingle8Wide(r, a, q *float32, rows int, sums *float64)
#define NAME ·panelSubSingle8Wide
#define FRAME $8-40
#define LOAD MOVQ r+0(FP), DI; MOVQ a+8(FP), AX; MOVQ q+16(FP), SI; MOVQ rows+24(FP), CX; MOVQ sums+32(FP), DX; VBROADCASTF64X4 (AX), Z15; ZERO2
#define FETCH2 STREAMS2
#define PAIR SUBTRACT(Z4, Z5, Z15); VCVTPS2PD Y5, Z6; VEXTRACTF64X4 $1, Z5, Y7; VCVTPS2PD Y7, Z7; VFMADD231PD Z6, Z6, Z0; VFMADD231PD Z7, Z7, Z1; NEXT2
#define LAST SUBTRACT(Y4, Y5, Y15); VCVTPS2PD Y5, Z6; VFMADD231PD Z6, Z6, Z0
#define END VADDPD Z1, Z0, Z0; VMOVUPD Z0, (DX)
#include "block_rows_amd64.h"

#define SUBDIAG(at, dat, S, U) \
	VMULPS       at(SI), Y15, Y4 \
	VMOVUPS      at(DI), Y5      \
	VSUBPS       Y4, Y5, Y5      \
	VMOVUPS      Y5, at(DI)      \
	VBROADCASTSS dat(R9), Y8     \
	VMULPS       Y5, Y8, Y8      \
	VCVTPS2PD    Y5, Z6          \
	VCVTPS2PD    Y8, Z7          \
	VFMADD231PD  Z6, Z6, S       \
	VFMADD231PD  Z7, Z6, U

// func panelSubDiagSingle8Wide(r, a, q, d *float32, rows int, sums *float64)
#define NAME ·panelSubDiagSingle8Wide
#define FRAME $8-48
#define LOAD MOVQ r+0(FP), DI; MOVQ a+8(FP), AX; MOVQ q+16(FP), SI; MOVQ d+24(FP), R9; MOVQ rows+32(FP), CX; MOVQ sums+40(FP), DX; VMOVUPS (AX), Y15; ZERO2; VPXORQ Z2, Z2, Z2; VPXORQ Z3, Z3, Z3
#define FETCH2 STREAMS2
#define PAIR SUBDIAG(0, 0, Z0, Z2); SUBDIAG(32, 4, Z1, Z3); ADDQ $8, R9; NEXT2
#define LAST SUBDIAG(0, 0, Z0, Z2)
#define END VADDPD Z1, Z0, Z0; VADDPD Z3, Z2, Z2; VMOVUPD Z0, (DX); VMOVUPD Z2, 64(DX)
#include "block_rows_amd64.h"

#define STEP(R0, R1, R14, R15) \
	VMOVUPS (DI), R0     \
	VMULPS  R0, R15, R1  \
	VADDPS  (DX), R1, R1 \
	VMOVUPS R1, (DX)     \
	VMULPS  R0, R14, R0  \
	VADDPS  (SI), R0, R0 \
	VMOVUPS R0, (DI)

// func panelStepSingle8Wide(y, p, a, r, b *float32, rows int)
#define NAME ·panelStepSingle8Wide
#define FRAME $8-48
#define LOAD MOVQ y+0(FP), DX; MOVQ p+8(FP), DI; MOVQ a+16(FP), AX; MOVQ r+24(FP), SI; MOVQ b+32(FP), BX; MOVQ rows+40(FP), CX; VBROADCASTF64X4 (AX), Z15; VBROADCASTF64X4 (BX), Z14
#define FETCH2 STREAMS2; PREFETCHT0 AHEAD(DX)
#define PAIR STEP(Z0, Z1, Z14, Z15); NEXT2; ADDQ $64, DX
#define LAST STEP(Y0, Y1, Y14, Y15)
#define END 
#include "block_rows_amd64.h"
