//go:build !purego

#include "textflag.h"

// func addScaledWide(t, c, x *float64, sx, terms, n int)
#define NAME ·addScaledWide
#define BYTES 64
#define C Z8
#define A0 Z0
#define A1 Z1
#define A2 Z2
#define A3 Z3
#define A4 Z4
#define A5 Z5
#define A6 Z6
#define A7 Z7
#include "scaled_amd64.h"

// func addScaledAVX2(t, c, x *float64, sx, terms, n int)
#define NAME ·addScaledAVX2
#define BYTES 32
#define C Y8
#define A0 Y0
#define A1 Y1
#define A2 Y2
#define A3 Y3
#define A4 Y4
#define A5 Y5
#define A6 Y6
#define A7 Y7
#include "scaled_amd64.h"

// Fewer than four elements, under a mask.
//
// func addScaledFew(t, c, x *float64, sx, terms, n int)
TEXT ·addScaledFew(SB), NOSPLIT, $0-48
	MOVQ       t+0(FP), DI
	MOVQ       c+8(FP), SI
	MOVQ       x+16(FP), DX
	MOVQ       sx+24(FP), R9
	MOVQ       terms+32(FP), R10
	MOVQ       n+40(FP), CX
	SHLQ       $3, R9
	LEAQ       ·firstOf8+32(SB), R11
	SHLQ       $3, CX
	SUBQ       CX, R11
	VMOVUPD    (R11), Y9
	VMASKMOVPD (DI), Y9, Y0
	XORL       AX, AX

term:
	VBROADCASTSD (SI)(AX*8), Y8
	VMASKMOVPD   (DX), Y9, Y4
	VFMADD231PD  Y4, Y8, Y0
	ADDQ         R9, DX
	INCQ         AX
	CMPQ         AX, R10
	JLT          term
	VMASKMOVPD   Y0, Y9, (DI)
	VZEROUPPER
	RET
