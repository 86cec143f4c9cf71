// The loops of band_panel_amd64.go for one width of strips: BAND, BAND2 and SCALE are their
// names, PUT moves a strip between memory and the registers V0 … V4, CLEAR makes one zero.

// R11 runs over the coefficients of a point, R12 over the points before it, up to the last
// one, which is in V0.
TEXT BAND(SB), NOSPLIT, $8-56
	MOVQ v+0(FP), DI
	MOVQ c+8(FP), SI
	MOVQ rows+16(FP), CX
	MOVQ r+24(FP), DX
	MOVQ move+32(FP), R8
	MOVQ moveC+40(FP), R9
	MOVQ next+48(FP), R10
	FLUSH(AX)
	MOVQ  R8, R13
	IMULQ DX, R13
	NEGQ  R13// from a point to the first that it needs
	MOVQ  DI, R12
	SUBQ  R8, R12
	PUT   (R12), V0
	DECQ  DX

point:
	PUT   (DI), V2
	MOVQ  SI, R11
	LEAQ  (DI)(R13*1), R12
	MOVQ  DX, BX
	TESTQ BX, BX
	JEQ   last

tap:
	VBROADCASTSS (R11), V3
	PUT          (R12), V4
	VFNMADD231PS V4, V3, V2
	ADDQ         R10, R11
	ADDQ         R8, R12
	DECQ         BX
	JNE          tap

last:
	VBROADCASTSS (R11), V3
	VFNMADD231PS V0, V3, V2
	PUT          V2, (DI)
	VMOVAPS      V2, V0
	ADDQ         R8, DI
	ADDQ         R9, SI
	DECQ         CX
	JNE          point
	KEEP
	VZEROUPPER
	RET

// V0 is the point before, V1 the one before that.
TEXT BAND2(SB), NOSPLIT, $8-48
	MOVQ v+0(FP), DI
	MOVQ near+8(FP), SI
	MOVQ far+16(FP), DX
	MOVQ rows+24(FP), CX
	MOVQ move+32(FP), R8
	MOVQ moveC+40(FP), R9
	FLUSH(AX)
	CLEAR(V0)
	CLEAR(V1)

point2:
	PUT          (DI), V2
	VBROADCASTSS (DX), V3
	VBROADCASTSS (SI), V4
	VFNMADD231PS V1, V3, V2
	VFNMADD231PS V0, V4, V2
	PUT          V2, (DI)
	VMOVAPS      V0, V1
	VMOVAPS      V2, V0
	ADDQ         R8, DI
	ADDQ         R9, SI
	ADDQ         R9, DX
	DECQ         CX
	JNE          point2
	KEEP
	VZEROUPPER
	RET

TEXT SCALE(SB), NOSPLIT, $8-32
	MOVQ v+0(FP), DI
	MOVQ d+8(FP), SI
	MOVQ rows+16(FP), CX
	MOVQ stride+24(FP), R8
	FLUSH(AX)

row:
	PUT          (DI), V0
	VBROADCASTSS (SI), V1
	VMULPS       V0, V1, V0
	PUT          V0, (DI)
	ADDQ         R8, DI
	ADDQ         $4, SI
	DECQ         CX
	JNE          row
	KEEP
	VZEROUPPER
	RET

#undef BAND
#undef BAND2
#undef SCALE
#undef PUT
#undef CLEAR
#undef V0
#undef V1
#undef V2
#undef V3
#undef V4
