//go:build !purego

#include "textflag.h"
#include "block_entry_amd64.h"

// Products of rows of a sparse matrix with strips of a panel: eight columns, five to
// seven, four, three or one, and two. The loop is in block_csr_amd64.h. Lanes beyond a
// strip are not read: a masked load does not touch what its mask leaves out. Masked
// stores are slow on some processors, so these are in pieces.

#define FRAME $0-105
#define DONE
#define STREAM

#define MASK MOVQ mask+96(FP), BX; VMOVUPD (BX), Y15

// TAIL stores the first one to three lanes of a register.
#define TAIL(Y, X, at) \
	CMPQ tail+88(FP), $2    \
	JLT  one                \
	VMOVUPD X, at(DI)       \
	JEQ  next               \
	VEXTRACTF128 $1, Y, X   \
	VMOVSD X, at+16(DI)     \
	JMP  next               \
one:                       \
	VMOVSD X, at(DI)

// Eight columns.
#define NAME ·csrBlock8
#define SETUP
#define ZERO VXORPD Y0, Y0, Y0; VXORPD Y1, Y1, Y1; VXORPD Y2, Y2, Y2; VXORPD Y3, Y3, Y3
#define ENTRY8(c, v, S, T) \
	COLUMN(c)                           \
	VBROADCASTSD v(R11)(AX*8), Y4       \
	VMULPD (SI)(BX*1), Y4, Y5           \
	VMULPD 32(SI)(BX*1), Y4, Y6         \
	VADDPD Y5, S, S                     \
	VADDPD Y6, T, T
#define EVEN ENTRY8(0, 0, Y0, Y1)
#define ODD ENTRY8(4, 8, Y2, Y3)
#define STORE VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VMOVUPD Y0, (DI); VMOVUPD Y1, 32(DI)
#include "block_csr_amd64.h"

// Five to seven.
#define NAME ·csrBlock7
#define SETUP MASK
#define ZERO VXORPD Y0, Y0, Y0; VXORPD Y1, Y1, Y1; VXORPD Y2, Y2, Y2; VXORPD Y3, Y3, Y3
#define ENTRY7(c, v, S, T) \
	COLUMN(c)                           \
	VBROADCASTSD v(R11)(AX*8), Y4       \
	VMASKMOVPD 32(SI)(BX*1), Y15, Y6    \
	VMULPD (SI)(BX*1), Y4, Y5           \
	VMULPD Y6, Y4, Y6                   \
	VADDPD Y5, S, S                     \
	VADDPD Y6, T, T
#define EVEN ENTRY7(0, 0, Y0, Y1)
#define ODD ENTRY7(4, 8, Y2, Y3)
#define STORE VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VMOVUPD Y0, (DI); TAIL(Y1, X1, 32)
#include "block_csr_amd64.h"

// Four.
#define NAME ·csrBlock4
#define SETUP
#define ZERO VXORPD Y0, Y0, Y0; VXORPD Y2, Y2, Y2
#define ENTRY4(c, v, S) \
	COLUMN(c)                           \
	VBROADCASTSD v(R11)(AX*8), Y4       \
	VMULPD (SI)(BX*1), Y4, Y5           \
	VADDPD Y5, S, S
#define EVEN ENTRY4(0, 0, Y0)
#define ODD ENTRY4(4, 8, Y2)
#define STORE VADDPD Y2, Y0, Y0; VMOVUPD Y0, (DI)
#include "block_csr_amd64.h"

// Three or one.
#define NAME ·csrBlock3
#define SETUP MASK
#define ZERO VXORPD Y0, Y0, Y0; VXORPD Y2, Y2, Y2
#define ENTRY3(c, v, S) \
	COLUMN(c)                           \
	VBROADCASTSD v(R11)(AX*8), Y4       \
	VMASKMOVPD (SI)(BX*1), Y15, Y5      \
	VMULPD Y5, Y4, Y5                   \
	VADDPD Y5, S, S
#define EVEN ENTRY3(0, 0, Y0)
#define ODD ENTRY3(4, 8, Y2)
#define STORE VADDPD Y2, Y0, Y0; TAIL(Y0, X0, 0)
#include "block_csr_amd64.h"

// Two.
#define NAME ·csrBlock2
#define SETUP
#define ZERO VXORPD X0, X0, X0; VXORPD X2, X2, X2
#define ENTRY2(c, v, S) \
	COLUMN(c)                           \
	VMOVDDUP v(R11)(AX*8), X4           \
	VMULPD (SI)(BX*1), X4, X5           \
	VADDPD X5, S, S
#define EVEN ENTRY2(0, 0, X0)
#define ODD ENTRY2(4, 8, X2)
#define STORE VADDPD X2, X0, X0; VMOVUPD X0, (DI)
#include "block_csr_amd64.h"
