//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"

// Loops over rows of eight columns that follow each other, of which corrections are
// made: panels in single precision beside such in double precision.

#define NEXTFLUSH ADDQ $64, DX; ADDQ $32, SI; ADDQ $32, DI

#define FLUSHROW \
	VCVTPS2PD (DI), Y0       \
	VCVTPS2PD 16(DI), Y1     \
	VCVTPS2PD (SI), Y2       \
	VCVTPS2PD 16(SI), Y3     \
	VMULPD    Y0, Y12, Y0    \
	VMULPD    Y1, Y13, Y1    \
	VADDPD    Y0, Y2, Y2     \
	VADDPD    Y1, Y3, Y3     \
	VMULPD    Y2, Y14, Y2    \
	VMULPD    Y3, Y15, Y3    \
	VADDPD    (DX), Y2, Y2   \
	VADDPD    32(DX), Y3, Y3 \
	VMOVUPD   Y2, (DX)       \
	VMOVUPD   Y3, 32(DX)     \
	NEXTFLUSH

// func flushSingle8(x *float64, y, p *float32, a, f *float64, rows int)
#define NAME ·flushSingle8
#define FRAME $8-48
#define LOAD MOVQ x+0(FP), DX; MOVQ y+8(FP), SI; MOVQ p+16(FP), DI; MOVQ a+24(FP), AX; MOVQ f+32(FP), BX; MOVQ rows+40(FP), CX; VMOVUPD (AX), Y12; VMOVUPD 32(AX), Y13; VMOVUPD (BX), Y14; VMOVUPD 32(BX), Y15
#define FETCH2 PREFETCHT0 AHEAD(DX); PREFETCHT0 AHEAD(SI); PREFETCHT0 AHEAD(DI)
#define PAIR FLUSHROW; FLUSHROW
#define LAST FLUSHROW
#define END 
#include "block_rows_amd64.h"

#define RESIDUALROW \
	VMULPD      (R8), Y12, Y6   \
	VMULPD      32(R8), Y13, Y7 \
	VSUBPD      (R9), Y6, Y6    \
	VSUBPD      32(R9), Y7, Y7  \
	VMULPD      Y6, Y6, Y8      \
	VMULPD      Y7, Y7, Y9      \
	VADDPD      Y8, Y0, Y0      \
	VADDPD      Y9, Y1, Y1      \
	VMULPD      Y6, Y14, Y6     \
	VMULPD      Y7, Y15, Y7     \
	VCVTPD2PSY  Y6, X6          \
	VCVTPD2PSY  Y7, X7          \
	VMOVUPS     X6, (DI)        \
	VMOVUPS     X7, 16(DI)      \
	VCVTPS2PD   X6, Y6          \
	VCVTPS2PD   X7, Y7          \
	VFMADD231PD Y6, Y6, Y2      \
	VFMADD231PD Y7, Y7, Y3      \
	VCVTPS2PD   (SI), Y8        \
	VCVTPS2PD   16(SI), Y9      \
	VFMADD231PD Y8, Y6, Y4      \
	VFMADD231PD Y9, Y7, Y5      \
	ADDQ        $64, R8         \
	ADDQ        $64, R9         \
	ADDQ        $32, SI         \
	ADDQ        $32, DI

// func residualSingle8(r, p *float32, b, ax, scale, unit *float64, rows int, sums *float64)
#define NAME ·residualSingle8
#define FRAME $8-64
#define LOAD MOVQ r+0(FP), DI; MOVQ p+8(FP), SI; MOVQ b+16(FP), R8; MOVQ ax+24(FP), R9; MOVQ scale+32(FP), AX; MOVQ unit+40(FP), BX; MOVQ rows+48(FP), CX; MOVQ sums+56(FP), DX; VMOVUPD (AX), Y12; VMOVUPD 32(AX), Y13; VMOVUPD (BX), Y14; VMOVUPD 32(BX), Y15; VXORPD Y0, Y0, Y0; VXORPD Y1, Y1, Y1; VXORPD Y2, Y2, Y2; VXORPD Y3, Y3, Y3; VXORPD Y4, Y4, Y4; VXORPD Y5, Y5, Y5
#define FETCH2 PREFETCHT0 AHEAD(R8); PREFETCHT0 AHEAD(R9); PREFETCHT0 AHEAD(SI)
#define PAIR RESIDUALROW; RESIDUALROW
#define LAST RESIDUALROW
#define END VMOVUPD Y0, (DX); VMOVUPD Y1, 32(DX); VMOVUPD Y2, 64(DX); VMOVUPD Y3, 96(DX); VMOVUPD Y4, 128(DX); VMOVUPD Y5, 160(DX)
#include "block_rows_amd64.h"

#define TURNROW \
	VMULPS  (SI), Y14, Y0 \
	VMULPS  (DI), Y15, Y1 \
	VADDPS  Y1, Y0, Y0    \
	VMOVUPS Y0, (DI)      \
	ADDQ    $32, SI       \
	ADDQ    $32, DI

// func turnSingle8(p, r, c, b *float32, rows int)
#define NAME ·turnSingle8
#define FRAME $8-40
#define LOAD MOVQ p+0(FP), DI; MOVQ r+8(FP), SI; MOVQ c+16(FP), AX; MOVQ b+24(FP), BX; MOVQ rows+32(FP), CX; VMOVUPS (AX), Y14; VMOVUPS (BX), Y15
#define FETCH2 PREFETCHT0 AHEAD(DI); PREFETCHT0 AHEAD(SI)
#define PAIR TURNROW; TURNROW
#define LAST TURNROW
#define END 
#include "block_rows_amd64.h"
