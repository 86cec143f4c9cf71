//go:build !purego

#include "textflag.h"
#include "flush_amd64.h"

// Substitution in rows of points of a panel, strip by strip: see band_panel_amd64.h.

// func bandPanel16(v, c *float32, rows, r, move, moveC, next int)
// func band2Panel16(v, near, far *float32, rows, move, moveC int)
// func scaleRowsPanel16(v, d *float32, rows, stride int)
#define BAND ·bandPanel16
#define BAND2 ·band2Panel16
#define SCALE ·scaleRowsPanel16
#define PUT VMOVUPS
#define CLEAR(v) VPXORD v, v, v
#define V0 Z0
#define V1 Z1
#define V2 Z2
#define V3 Z3
#define V4 Z4
#include "band_panel_amd64.h"

// func bandPanel8(v, c *float32, rows, r, move, moveC, next int)
// func band2Panel8(v, near, far *float32, rows, move, moveC int)
// func scaleRowsPanel8(v, d *float32, rows, stride int)
#define BAND ·bandPanel8
#define BAND2 ·band2Panel8
#define SCALE ·scaleRowsPanel8
#define PUT VMOVUPS
#define CLEAR(v) VXORPS v, v, v
#define V0 Y0
#define V1 Y1
#define V2 Y2
#define V3 Y3
#define V4 Y4
#include "band_panel_amd64.h"

// func bandPanel4(v, c *float32, rows, r, move, moveC, next int)
// func band2Panel4(v, near, far *float32, rows, move, moveC int)
// func scaleRowsPanel4(v, d *float32, rows, stride int)
#define BAND ·bandPanel4
#define BAND2 ·band2Panel4
#define SCALE ·scaleRowsPanel4
#define PUT VMOVUPS
#define CLEAR(v) VXORPS v, v, v
#define V0 X0
#define V1 X1
#define V2 X2
#define V3 X3
#define V4 X4
#include "band_panel_amd64.h"

// func bandPanel2(v, c *float32, rows, r, move, moveC, next int)
// func band2Panel2(v, near, far *float32, rows, move, moveC int)
// func scaleRowsPanel2(v, d *float32, rows, stride int)
#define BAND ·bandPanel2
#define BAND2 ·band2Panel2
#define SCALE ·scaleRowsPanel2
#define PUT VMOVSD
#define CLEAR(v) VXORPS v, v, v
#define V0 X0
#define V1 X1
#define V2 X2
#define V3 X3
#define V4 X4
#include "band_panel_amd64.h"

// func bandPanel1(v, c *float32, rows, r, move, moveC, next int)
// func band2Panel1(v, near, far *float32, rows, move, moveC int)
// func scaleRowsPanel1(v, d *float32, rows, stride int)
#define BAND ·bandPanel1
#define BAND2 ·band2Panel1
#define SCALE ·scaleRowsPanel1
#define PUT VMOVSS
#define CLEAR(v) VXORPS v, v, v
#define V0 X0
#define V1 X1
#define V2 X2
#define V3 X3
#define V4 X4
#include "band_panel_amd64.h"
