//go:build !purego

#include "textflag.h"
#include "flush_amd64.h"

// Substitution in rows of points of a panel, strip by strip: see substitute_panel_amd64.h.

// func substituteEight16(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func substituteOne16(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func bandPanel16(v, c *float32, rows, r, move, moveC, next int)
// func scaleRowsPanel16(v, d *float32, rows, stride int)
#define EIGHT ·substituteEight16
#define ONE ·substituteOne16
#define BAND ·bandPanel16
#define ROWS ·scaleRowsPanel16
#define PUT VMOVUPS
#define A0 Z0
#define A1 Z1
#define A2 Z2
#define A3 Z3
#define A4 Z4
#define A5 Z5
#define A6 Z6
#define A7 Z7
#define S1 Z8
#define S2 Z9
#define P Z10
#define T Z11
#include "substitute_panel_amd64.h"

// func substituteEight8(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func substituteOne8(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func bandPanel8(v, c *float32, rows, r, move, moveC, next int)
// func scaleRowsPanel8(v, d *float32, rows, stride int)
#define EIGHT ·substituteEight8
#define ONE ·substituteOne8
#define BAND ·bandPanel8
#define ROWS ·scaleRowsPanel8
#define PUT VMOVUPS
#define A0 Y0
#define A1 Y1
#define A2 Y2
#define A3 Y3
#define A4 Y4
#define A5 Y5
#define A6 Y6
#define A7 Y7
#define S1 Y8
#define S2 Y9
#define P Y10
#define T Y11
#include "substitute_panel_amd64.h"

// func substituteEight4(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func substituteOne4(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func bandPanel4(v, c *float32, rows, r, move, moveC, next int)
// func scaleRowsPanel4(v, d *float32, rows, stride int)
#define EIGHT ·substituteEight4
#define ONE ·substituteOne4
#define BAND ·bandPanel4
#define ROWS ·scaleRowsPanel4
#define PUT VMOVUPS
#define A0 X0
#define A1 X1
#define A2 X2
#define A3 X3
#define A4 X4
#define A5 X5
#define A6 X6
#define A7 X7
#define S1 X8
#define S2 X9
#define P X10
#define T X11
#include "substitute_panel_amd64.h"

// func substituteEight2(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func substituteOne2(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func bandPanel2(v, c *float32, rows, r, move, moveC, next int)
// func scaleRowsPanel2(v, d *float32, rows, stride int)
#define EIGHT ·substituteEight2
#define ONE ·substituteOne2
#define BAND ·bandPanel2
#define ROWS ·scaleRowsPanel2
#define PUT VMOVSD
#define A0 X0
#define A1 X1
#define A2 X2
#define A3 X3
#define A4 X4
#define A5 X5
#define A6 X6
#define A7 X7
#define S1 X8
#define S2 X9
#define P X10
#define T X11
#include "substitute_panel_amd64.h"

// func substituteEight1(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func substituteOne1(v, src, d, val *float32, at *int, x *float32, shift *int, terms int, near, far, s1, s2 *float32, stride, count, scaled, dir int)
// func bandPanel1(v, c *float32, rows, r, move, moveC, next int)
// func scaleRowsPanel1(v, d *float32, rows, stride int)
#define EIGHT ·substituteEight1
#define ONE ·substituteOne1
#define BAND ·bandPanel1
#define ROWS ·scaleRowsPanel1
#define PUT VMOVSS
#define A0 X0
#define A1 X1
#define A2 X2
#define A3 X3
#define A4 X4
#define A5 X5
#define A6 X6
#define A7 X7
#define S1 X8
#define S2 X9
#define P X10
#define T X11
#include "substitute_panel_amd64.h"
