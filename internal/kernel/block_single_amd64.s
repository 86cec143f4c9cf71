//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"

// The strips of eight and of four columns of block_single_amd64.go: a register of 256 bits
// holds eight columns of one row, or four. Elements are rounded in the order of the plain
// loops in block_single.go, sums are in double precision, those of even and of odd rows
// apart. Strides are in bytes. The loop is in block_rows_amd64.h.

#define STREAMS2 PREFETCHT0 AHEAD(SI); PREFETCHT0 AHEAD(DI)
#define NEXT2 ADDQ R8, SI; ADDQ R8, DI
#define ZERO2 VXORPD Y0, Y0, Y0; VXORPD Y1, Y1, Y1
#define ZERO4 ZERO2; VXORPD Y2, Y2, Y2; VXORPD Y3, Y3, Y3
#define ZERO8 ZERO4; VXORPD Y4, Y4, Y4; VXORPD Y5, Y5, Y5; VXORPD Y6, Y6, Y6; VXORPD Y7, Y7, Y7

// The inner products of p and q.
#define DOTARGS MOVQ p+0(FP), SI; MOVQ q+8(FP), DI; MOVQ stride+16(FP), R8; MOVQ rows+24(FP), CX; MOVQ sums+32(FP), DX

#define DOT8(S, T) \
	VCVTPS2PD   (SI), Y8    \
	VCVTPS2PD   (DI), Y9    \
	VFMADD231PD Y8, Y9, S   \
	VCVTPS2PD   16(SI), Y10 \
	VCVTPS2PD   16(DI), Y11 \
	VFMADD231PD Y10, Y11, T \
	NEXT2

#define DOT4(S) \
	VCVTPS2PD   (SI), Y8  \
	VCVTPS2PD   (DI), Y9  \
	VFMADD231PD Y8, Y9, S \
	NEXT2

// func panelDotSingle8(p, q *float32, stride, rows int, sums *float64)
#define NAME ·panelDotSingle8
#define FRAME $8-40
#define LOAD DOTARGS; ZERO4
#define FETCH2 STREAMS2
#define PAIR DOT8(Y0, Y1); DOT8(Y2, Y3)
#define LAST DOT8(Y0, Y1)
#define END VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VMOVUPD Y0, (DX); VMOVUPD Y1, 32(DX)
#include "block_rows_amd64.h"

// func panelDotSingle4(p, q *float32, stride, rows int, sums *float64)
#define NAME ·panelDotSingle4
#define FRAME $8-40
#define LOAD DOTARGS; ZERO2
#define FETCH2 STREAMS2
#define PAIR DOT4(Y0); DOT4(Y1)
#define LAST DOT4(Y0)
#define END VADDPD Y1, Y0, Y0; VMOVUPD Y0, (DX)
#include "block_rows_amd64.h"

// r −= a·q and the sums of r∘r.
#define SUBARGS MOVQ r+0(FP), DI; MOVQ a+8(FP), AX; MOVQ q+16(FP), SI; MOVQ stride+24(FP), R8; MOVQ rows+32(FP), CX; MOVQ sums+40(FP), DX

#define SUB8(S, T) \
	VMULPS       (SI), Y15, Y8 \
	VMOVUPS      (DI), Y9      \
	VSUBPS       Y8, Y9, Y9    \
	VMOVUPS      Y9, (DI)      \
	VCVTPS2PD    X9, Y10       \
	VFMADD231PD  Y10, Y10, S   \
	VEXTRACTF128 $1, Y9, X11   \
	VCVTPS2PD    X11, Y11      \
	VFMADD231PD  Y11, Y11, T

#define SUB4(S) \
	VMULPS      (SI), X15, X8 \
	VMOVUPS     (DI), X9      \
	VSUBPS      X8, X9, X9    \
	VMOVUPS     X9, (DI)      \
	VCVTPS2PD   X9, Y10       \
	VFMADD231PD Y10, Y10, S

// func panelSubSingle8(r, a, q *float32, stride, rows int, sums *float64)
#define NAME ·panelSubSingle8
#define FRAME $8-48
#define LOAD SUBARGS; VMOVUPS (AX), Y15; ZERO4
#define FETCH2 STREAMS2
#define PAIR SUB8(Y0, Y1); NEXT2; SUB8(Y2, Y3); NEXT2
#define LAST SUB8(Y0, Y1)
#define END VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VMOVUPD Y0, (DX); VMOVUPD Y1, 32(DX)
#include "block_rows_amd64.h"

// func panelSubSingle4(r, a, q *float32, stride, rows int, sums *float64)
#define NAME ·panelSubSingle4
#define FRAME $8-48
#define LOAD SUBARGS; VMOVUPS (AX), X15; ZERO2
#define FETCH2 STREAMS2
#define PAIR SUB4(Y0); NEXT2; SUB4(Y1); NEXT2
#define LAST SUB4(Y0)
#define END VADDPD Y1, Y0, Y0; VMOVUPD Y0, (DX)
#include "block_rows_amd64.h"

// The same and the sums of r∘D·r.
#define SUBDIAGARGS MOVQ r+0(FP), DI; MOVQ a+8(FP), AX; MOVQ q+16(FP), SI; MOVQ d+24(FP), R9; MOVQ stride+32(FP), R8; MOVQ rows+40(FP), CX; MOVQ sums+48(FP), DX

#define SUBDIAG8(S, T, U, V) \
	SUB8(S, T)               \
	VBROADCASTSS (R9), Y8    \
	VMULPS       Y9, Y8, Y8  \
	VCVTPS2PD    X8, Y12     \
	VFMADD231PD  Y12, Y10, U \
	VEXTRACTF128 $1, Y8, X13 \
	VCVTPS2PD    X13, Y13    \
	VFMADD231PD  Y13, Y11, V \
	ADDQ         $4, R9      \
	NEXT2

#define SUBDIAG4(S, U) \
	SUB4(S)                  \
	VBROADCASTSS (R9), X8    \
	VMULPS       X9, X8, X8  \
	VCVTPS2PD    X8, Y12     \
	VFMADD231PD  Y12, Y10, U \
	ADDQ         $4, R9      \
	NEXT2

// func panelSubDiagSingle8(r, a, q, d *float32, stride, rows int, sums *float64)
#define NAME ·panelSubDiagSingle8
#define FRAME $8-56
#define LOAD SUBDIAGARGS; VMOVUPS (AX), Y15; ZERO8
#define FETCH2 STREAMS2
#define PAIR SUBDIAG8(Y0, Y1, Y2, Y3); SUBDIAG8(Y4, Y5, Y6, Y7)
#define LAST SUBDIAG8(Y0, Y1, Y2, Y3)
#define END VADDPD Y4, Y0, Y0; VADDPD Y5, Y1, Y1; VADDPD Y6, Y2, Y2; VADDPD Y7, Y3, Y3; VMOVUPD Y0, (DX); VMOVUPD Y1, 32(DX); VMOVUPD Y2, 64(DX); VMOVUPD Y3, 96(DX)
#include "block_rows_amd64.h"

// func panelSubDiagSingle4(r, a, q, d *float32, stride, rows int, sums *float64)
#define NAME ·panelSubDiagSingle4
#define FRAME $8-56
#define LOAD SUBDIAGARGS; VMOVUPS (AX), X15; ZERO4
#define FETCH2 STREAMS2
#define PAIR SUBDIAG4(Y0, Y1); SUBDIAG4(Y2, Y3)
#define LAST SUBDIAG4(Y0, Y1)
#define END VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VMOVUPD Y0, (DX); VMOVUPD Y1, 32(DX)
#include "block_rows_amd64.h"

// y += a·p and p = r + b·p, or D·r + b·p.
#define STREAMS3 STREAMS2; PREFETCHT0 AHEAD(DX)
#define NEXT3 NEXT2; ADDQ R8, DX
#define STEPARGS MOVQ y+0(FP), DX; MOVQ p+8(FP), DI; MOVQ a+16(FP), AX; MOVQ r+24(FP), SI; MOVQ b+32(FP), BX; MOVQ stride+40(FP), R8; MOVQ rows+48(FP), CX
#define STEPDIAGARGS MOVQ y+0(FP), DX; MOVQ p+8(FP), DI; MOVQ a+16(FP), AX; MOVQ r+24(FP), SI; MOVQ d+32(FP), R9; MOVQ b+40(FP), BX; MOVQ stride+48(FP), R8; MOVQ rows+56(FP), CX

#define ADDSTEP(R0, R1, R14, R15) \
	VMOVUPS (DI), R0     \
	VMULPS  R0, R15, R1  \
	VADDPS  (DX), R1, R1 \
	VMOVUPS R1, (DX)     \
	VMULPS  R0, R14, R0

#define STEP(R0, R1, R14, R15) \
	ADDSTEP(R0, R1, R14, R15) \
	VADDPS  (SI), R0, R0      \
	VMOVUPS R0, (DI)          \
	NEXT3

#define STEPDIAG(R0, R1, R14, R15) \
	ADDSTEP(R0, R1, R14, R15) \
	VBROADCASTSS (R9), R1     \
	VMULPS       (SI), R1, R1 \
	VADDPS       R1, R0, R0   \
	VMOVUPS      R0, (DI)     \
	ADDQ         $4, R9       \
	NEXT3

// func panelStepSingle8(y, p, a, r, b *float32, stride, rows int)
#define NAME ·panelStepSingle8
#define FRAME $8-56
#define LOAD STEPARGS; VMOVUPS (AX), Y15; VMOVUPS (BX), Y14
#define FETCH2 STREAMS3
#define PAIR STEP(Y0, Y1, Y14, Y15); STEP(Y0, Y1, Y14, Y15)
#define LAST STEP(Y0, Y1, Y14, Y15)
#define END 
#include "block_rows_amd64.h"

// func panelStepDiagSingle8(y, p, a, r, d, b *float32, stride, rows int)
#define NAME ·panelStepDiagSingle8
#define FRAME $8-64
#define LOAD STEPDIAGARGS; VMOVUPS (AX), Y15; VMOVUPS (BX), Y14
#define FETCH2 STREAMS3
#define PAIR STEPDIAG(Y0, Y1, Y14, Y15); STEPDIAG(Y0, Y1, Y14, Y15)
#define LAST STEPDIAG(Y0, Y1, Y14, Y15)
#define END 
#include "block_rows_amd64.h"

// func panelStepSingle4(y, p, a, r, b *float32, stride, rows int)
#define NAME ·panelStepSingle4
#define FRAME $8-56
#define LOAD STEPARGS; VMOVUPS (AX), X15; VMOVUPS (BX), X14
#define FETCH2 STREAMS3
#define PAIR STEP(X0, X1, X14, X15); STEP(X0, X1, X14, X15)
#define LAST STEP(X0, X1, X14, X15)
#define END 
#include "block_rows_amd64.h"

// func panelStepDiagSingle4(y, p, a, r, d, b *float32, stride, rows int)
#define NAME ·panelStepDiagSingle4
#define FRAME $8-64
#define LOAD STEPDIAGARGS; VMOVUPS (AX), X15; VMOVUPS (BX), X14
#define FETCH2 STREAMS3
#define PAIR STEPDIAG(X0, X1, X14, X15); STEPDIAG(X0, X1, X14, X15)
#define LAST STEPDIAG(X0, X1, X14, X15)
#define END 
#include "block_rows_amd64.h"
