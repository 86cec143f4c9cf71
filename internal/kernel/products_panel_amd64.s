//go:build !purego

#include "textflag.h"
#include "flush_amd64.h"

// Sums of products of diagonals with rows of a panel in single precision. Every element is
// the same sum of fused products in all loops. Where they are subtracted out changes its
// sign before and after.

#define SIZE 4
#define FRAME $8-68
#define BROADCAST(p, r) VBROADCASTSS p, r
#include "products_panel_term_amd64.h"

// Sixteen columns.
//
// func addProductsPanel16(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)
#define NAME ·addProductsPanel16
#define MOVE VMOVUPS
#define NEGATE(a) VPXORD Z15, a, a
#define MULADD(i, p, t, a) VMOVUPS p, t; VFMADD231PS.BCST 4*i(R14), t, a
#define SIGN Z15
#define A0 Z0
#define A1 Z1
#define A2 Z2
#define A3 Z3
#define A4 Z4
#define A5 Z5
#define A6 Z6
#define A7 Z7
#define T0 Z8
#define T1 Z9
#define T2 Z10
#define T3 Z11
#include "products_panel_strip_amd64.h"

// Eight columns.
//
// func addProductsPanel8(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)
#define NAME ·addProductsPanel8
#define MOVE VMOVUPS
#define NEGATE(a) VXORPS Y15, a, a
#define MULADD(i, p, t, a) VBROADCASTSS 4*i(R14), t; VFMADD231PS p, t, a
#define SIGN Y15
#define A0 Y0
#define A1 Y1
#define A2 Y2
#define A3 Y3
#define A4 Y4
#define A5 Y5
#define A6 Y6
#define A7 Y7
#define T0 Y8
#define T1 Y9
#define T2 Y10
#define T3 Y11
#include "products_panel_strip_amd64.h"

// Four columns.
//
// func addProductsPanel4(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)
#define NAME ·addProductsPanel4
#define MOVE VMOVUPS
#define NEGATE(a) VXORPS X15, a, a
#define MULADD(i, p, t, a) VBROADCASTSS 4*i(R14), t; VFMADD231PS p, t, a
#define SIGN X15
#define A0 X0
#define A1 X1
#define A2 X2
#define A3 X3
#define A4 X4
#define A5 X5
#define A6 X6
#define A7 X7
#define T0 X8
#define T1 X9
#define T2 X10
#define T3 X11
#include "products_panel_strip_amd64.h"

// Two columns.
//
// func addProductsPanel2(out, val *float32, at *int, x *float32, shift *int, terms, stride, rows int, sign float32)
#define NAME ·addProductsPanel2
#define MOVE VMOVSD
#define NEGATE(a) VXORPS X15, a, a
#define MULADD(i, p, t, a) VBROADCASTSS 4*i(R14), t; VMOVSD p, X12; VFMADD231PS X12, t, a
#define SIGN X15
#define A0 X0
#define A1 X1
#define A2 X2
#define A3 X3
#define A4 X4
#define A5 X5
#define A6 X6
#define A7 X7
#define T0 X8
#define T1 X9
#define T2 X10
#define T3 X11
#include "products_panel_strip_amd64.h"

// Panels of eight, four and two columns, whose rows follow each other: sixteen rows at a
// time, whole registers of 2, 4 and 8 rows. Z16 and on say which of the sixteen
// coefficients of a term an element of a register asks for.

// func addProductsPacked8(out, val *float32, at *int, x *float32, shift *int, terms, blocks int, sign float32)
TEXT ·addProductsPacked8(SB), NOSPLIT, $8-60
	MOVQ out+0(FP), DI
	MOVQ val+8(FP), SI
	MOVQ at+16(FP), R9
	MOVQ x+24(FP), DX
	MOVQ shift+32(FP), R10
	MOVQ terms+40(FP), R11
	MOVQ blocks+48(FP), CX
	VBROADCASTSS sign+56(FP), Z15
	FLUSH(AX)
	VPBROADCASTD rowsOf8<>+64(SB), Z24
	VMOVDQU32 rowsOf8<>(SB), Z16
	VPADDD Z24, Z16, Z17
	VPADDD Z24, Z17, Z18
	VPADDD Z24, Z18, Z19
	VPADDD Z24, Z19, Z20
	VPADDD Z24, Z20, Z21
	VPADDD Z24, Z21, Z22
	VPADDD Z24, Z22, Z23

block:
	VPXORD 0(DI), Z15, Z0
	VPXORD 64(DI), Z15, Z1
	VPXORD 128(DI), Z15, Z2
	VPXORD 192(DI), Z15, Z3
	VPXORD 256(DI), Z15, Z4
	VPXORD 320(DI), Z15, Z5
	VPXORD 384(DI), Z15, Z6
	VPXORD 448(DI), Z15, Z7
	XORL AX, AX

term:
	TERM
	VMOVUPS (R14), Z14
	VPERMPS Z14, Z16, Z8
	VFMADD231PS 0(BX), Z8, Z0
	VPERMPS Z14, Z17, Z9
	VFMADD231PS 64(BX), Z9, Z1
	VPERMPS Z14, Z18, Z10
	VFMADD231PS 128(BX), Z10, Z2
	VPERMPS Z14, Z19, Z11
	VFMADD231PS 192(BX), Z11, Z3
	VPERMPS Z14, Z20, Z8
	VFMADD231PS 256(BX), Z8, Z4
	VPERMPS Z14, Z21, Z9
	VFMADD231PS 320(BX), Z9, Z5
	VPERMPS Z14, Z22, Z10
	VFMADD231PS 384(BX), Z10, Z6
	VPERMPS Z14, Z23, Z11
	VFMADD231PS 448(BX), Z11, Z7
	INCQ AX
	CMPQ AX, R11
	JLT  term
	VPXORD Z15, Z0, Z0
	VMOVUPS Z0, 0(DI)
	VPXORD Z15, Z1, Z1
	VMOVUPS Z1, 64(DI)
	VPXORD Z15, Z2, Z2
	VMOVUPS Z2, 128(DI)
	VPXORD Z15, Z3, Z3
	VMOVUPS Z3, 192(DI)
	VPXORD Z15, Z4, Z4
	VMOVUPS Z4, 256(DI)
	VPXORD Z15, Z5, Z5
	VMOVUPS Z5, 320(DI)
	VPXORD Z15, Z6, Z6
	VMOVUPS Z6, 384(DI)
	VPXORD Z15, Z7, Z7
	VMOVUPS Z7, 448(DI)
	ADDQ $512, DI
	ADDQ $512, DX
	ADDQ $64, SI
	DECQ CX
	JNE  block
	KEEP
	VZEROUPPER
	RET

DATA  rowsOf8<>+0(SB)/4, $0
DATA  rowsOf8<>+4(SB)/4, $0
DATA  rowsOf8<>+8(SB)/4, $0
DATA  rowsOf8<>+12(SB)/4, $0
DATA  rowsOf8<>+16(SB)/4, $0
DATA  rowsOf8<>+20(SB)/4, $0
DATA  rowsOf8<>+24(SB)/4, $0
DATA  rowsOf8<>+28(SB)/4, $0
DATA  rowsOf8<>+32(SB)/4, $1
DATA  rowsOf8<>+36(SB)/4, $1
DATA  rowsOf8<>+40(SB)/4, $1
DATA  rowsOf8<>+44(SB)/4, $1
DATA  rowsOf8<>+48(SB)/4, $1
DATA  rowsOf8<>+52(SB)/4, $1
DATA  rowsOf8<>+56(SB)/4, $1
DATA  rowsOf8<>+60(SB)/4, $1
DATA  rowsOf8<>+64(SB)/4, $2
GLOBL rowsOf8<>(SB), RODATA|NOPTR, $68

// func addProductsPacked4(out, val *float32, at *int, x *float32, shift *int, terms, blocks int, sign float32)
TEXT ·addProductsPacked4(SB), NOSPLIT, $8-60
	MOVQ out+0(FP), DI
	MOVQ val+8(FP), SI
	MOVQ at+16(FP), R9
	MOVQ x+24(FP), DX
	MOVQ shift+32(FP), R10
	MOVQ terms+40(FP), R11
	MOVQ blocks+48(FP), CX
	VBROADCASTSS sign+56(FP), Z15
	FLUSH(AX)
	VPBROADCASTD rowsOf4<>+64(SB), Z24
	VMOVDQU32 rowsOf4<>(SB), Z16
	VPADDD Z24, Z16, Z17
	VPADDD Z24, Z17, Z18
	VPADDD Z24, Z18, Z19

block:
	VPXORD 0(DI), Z15, Z0
	VPXORD 64(DI), Z15, Z1
	VPXORD 128(DI), Z15, Z2
	VPXORD 192(DI), Z15, Z3
	XORL AX, AX

term:
	TERM
	VMOVUPS (R14), Z14
	VPERMPS Z14, Z16, Z8
	VFMADD231PS 0(BX), Z8, Z0
	VPERMPS Z14, Z17, Z9
	VFMADD231PS 64(BX), Z9, Z1
	VPERMPS Z14, Z18, Z10
	VFMADD231PS 128(BX), Z10, Z2
	VPERMPS Z14, Z19, Z11
	VFMADD231PS 192(BX), Z11, Z3
	INCQ AX
	CMPQ AX, R11
	JLT  term
	VPXORD Z15, Z0, Z0
	VMOVUPS Z0, 0(DI)
	VPXORD Z15, Z1, Z1
	VMOVUPS Z1, 64(DI)
	VPXORD Z15, Z2, Z2
	VMOVUPS Z2, 128(DI)
	VPXORD Z15, Z3, Z3
	VMOVUPS Z3, 192(DI)
	ADDQ $256, DI
	ADDQ $256, DX
	ADDQ $64, SI
	DECQ CX
	JNE  block
	KEEP
	VZEROUPPER
	RET

DATA  rowsOf4<>+0(SB)/4, $0
DATA  rowsOf4<>+4(SB)/4, $0
DATA  rowsOf4<>+8(SB)/4, $0
DATA  rowsOf4<>+12(SB)/4, $0
DATA  rowsOf4<>+16(SB)/4, $1
DATA  rowsOf4<>+20(SB)/4, $1
DATA  rowsOf4<>+24(SB)/4, $1
DATA  rowsOf4<>+28(SB)/4, $1
DATA  rowsOf4<>+32(SB)/4, $2
DATA  rowsOf4<>+36(SB)/4, $2
DATA  rowsOf4<>+40(SB)/4, $2
DATA  rowsOf4<>+44(SB)/4, $2
DATA  rowsOf4<>+48(SB)/4, $3
DATA  rowsOf4<>+52(SB)/4, $3
DATA  rowsOf4<>+56(SB)/4, $3
DATA  rowsOf4<>+60(SB)/4, $3
DATA  rowsOf4<>+64(SB)/4, $4
GLOBL rowsOf4<>(SB), RODATA|NOPTR, $68

// func addProductsPacked2(out, val *float32, at *int, x *float32, shift *int, terms, blocks int, sign float32)
TEXT ·addProductsPacked2(SB), NOSPLIT, $8-60
	MOVQ out+0(FP), DI
	MOVQ val+8(FP), SI
	MOVQ at+16(FP), R9
	MOVQ x+24(FP), DX
	MOVQ shift+32(FP), R10
	MOVQ terms+40(FP), R11
	MOVQ blocks+48(FP), CX
	VBROADCASTSS sign+56(FP), Z15
	FLUSH(AX)
	VPBROADCASTD rowsOf2<>+64(SB), Z24
	VMOVDQU32 rowsOf2<>(SB), Z16
	VPADDD Z24, Z16, Z17

block:
	VPXORD 0(DI), Z15, Z0
	VPXORD 64(DI), Z15, Z1
	XORL AX, AX

term:
	TERM
	VMOVUPS (R14), Z14
	VPERMPS Z14, Z16, Z8
	VFMADD231PS 0(BX), Z8, Z0
	VPERMPS Z14, Z17, Z9
	VFMADD231PS 64(BX), Z9, Z1
	INCQ AX
	CMPQ AX, R11
	JLT  term
	VPXORD Z15, Z0, Z0
	VMOVUPS Z0, 0(DI)
	VPXORD Z15, Z1, Z1
	VMOVUPS Z1, 64(DI)
	ADDQ $128, DI
	ADDQ $128, DX
	ADDQ $64, SI
	DECQ CX
	JNE  block
	KEEP
	VZEROUPPER
	RET

DATA  rowsOf2<>+0(SB)/4, $0
DATA  rowsOf2<>+4(SB)/4, $0
DATA  rowsOf2<>+8(SB)/4, $1
DATA  rowsOf2<>+12(SB)/4, $1
DATA  rowsOf2<>+16(SB)/4, $2
DATA  rowsOf2<>+20(SB)/4, $2
DATA  rowsOf2<>+24(SB)/4, $3
DATA  rowsOf2<>+28(SB)/4, $3
DATA  rowsOf2<>+32(SB)/4, $4
DATA  rowsOf2<>+36(SB)/4, $4
DATA  rowsOf2<>+40(SB)/4, $5
DATA  rowsOf2<>+44(SB)/4, $5
DATA  rowsOf2<>+48(SB)/4, $6
DATA  rowsOf2<>+52(SB)/4, $6
DATA  rowsOf2<>+56(SB)/4, $7
DATA  rowsOf2<>+60(SB)/4, $7
DATA  rowsOf2<>+64(SB)/4, $8
GLOBL rowsOf2<>(SB), RODATA|NOPTR, $68
