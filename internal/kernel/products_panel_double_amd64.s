//go:build !purego

#include "textflag.h"

// The loops of products_panel_amd64.s in double precision, where numbers without a normal form
// are what they are.

#define FLUSH(t)
#define KEEP
#define SIZE 8
#define FRAME $0-72
#define BROADCAST(p, r) VBROADCASTSD p, r
#include "products_panel_term_amd64.h"

// Eight columns.
//
// func addProductsPanelDouble8(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)
#define NAME ·addProductsPanelDouble8
#define MOVE VMOVUPD
#define NEGATE(a) VPXORQ Z15, a, a
#define MULADD(i, p, t, a) VMOVUPD p, t; VFMADD231PD.BCST 8*i(R14), t, a
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

// Four columns.
//
// func addProductsPanelDouble4(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)
#define NAME ·addProductsPanelDouble4
#define MOVE VMOVUPD
#define NEGATE(a) VXORPD Y15, a, a
#define MULADD(i, p, t, a) BROADCAST(8*i(R14), t); VFMADD231PD p, t, a
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

#undef BROADCAST
#define BROADCAST(p, r) VMOVDDUP p, r

// Two columns.
//
// func addProductsPanelDouble2(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)
#define NAME ·addProductsPanelDouble2
#define MOVE VMOVUPD
#define NEGATE(a) VXORPD X15, a, a
#define MULADD(i, p, t, a) BROADCAST(8*i(R14), t); VFMADD231PD p, t, a
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

// One column.
//
// func addProductsPanelDouble1(out, val *float64, at *int, x *float64, shift *int, terms, stride, rows int, sign float64)
#define NAME ·addProductsPanelDouble1
#define MOVE VMOVSD
#define NEGATE(a) VXORPD X15, a, a
#define MULADD(i, p, t, a) VMOVSD p, t; VFMADD231SD 8*i(R14), t, a
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
