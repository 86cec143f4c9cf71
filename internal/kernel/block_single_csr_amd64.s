//go:build !purego

#include "textflag.h"
#include "prefetch_amd64.h"
#include "flush_amd64.h"
#include "block_entry_amd64.h"

// Products of rows of a sparse matrix with strips of a panel in single precision: eight
// columns in registers of 512 and of 256 bits, four, and two. Sums are in double precision,
// of fused products. The loop is in block_csr_amd64.h.

#define FRAME $8-105
#define SETUP FLUSH(AX)
#define DONE KEEP
#define STREAM PREFETCHT0 AHEAD(R11)(AX*8); PREFETCHT0 AHEAD(R10)(AX*4)

#define NAME ·csrBlockSingle8Wide
#define ZERO VPXORQ Z0, Z0, Z0; VPXORQ Z1, Z1, Z1
#define WIDE8(c, v, T, S) \
	COLUMN(c)                               \
	VCVTPS2PD        (SI)(BX*1), T          \
	VFMADD231PD.BCST v(R11)(AX*8), T, S
#define EVEN WIDE8(0, 0, Z4, Z0)
#define ODD WIDE8(4, 8, Z5, Z1)
#define STORE VADDPD Z1, Z0, Z0; VCVTPD2PS Z0, Y0; VMOVUPS Y0, (DI)
#include "block_csr_amd64.h"

#define SETUP FLUSH(AX)
#define NAME ·csrBlockSingle8
#define ZERO VXORPD Y0, Y0, Y0; VXORPD Y1, Y1, Y1; VXORPD Y2, Y2, Y2; VXORPD Y3, Y3, Y3
#define ENTRY8(c, v, S, T) \
	COLUMN(c)                           \
	VBROADCASTSD v(R11)(AX*8), Y4       \
	VCVTPS2PD    (SI)(BX*1), Y5         \
	VCVTPS2PD    16(SI)(BX*1), Y6       \
	VFMADD231PD  Y5, Y4, S              \
	VFMADD231PD  Y6, Y4, T
#define EVEN ENTRY8(0, 0, Y0, Y1)
#define ODD ENTRY8(4, 8, Y2, Y3)
#define STORE VADDPD Y2, Y0, Y0; VADDPD Y3, Y1, Y1; VCVTPD2PSY Y0, X0; VCVTPD2PSY Y1, X1; VMOVUPS X0, (DI); VMOVUPS X1, 16(DI)
#include "block_csr_amd64.h"

#define SETUP FLUSH(AX)
#define NAME ·csrBlockSingle4
#define ZERO VXORPD Y0, Y0, Y0; VXORPD Y1, Y1, Y1
#define ENTRY4(c, v, S) \
	COLUMN(c)                           \
	VBROADCASTSD v(R11)(AX*8), Y4       \
	VCVTPS2PD    (SI)(BX*1), Y5         \
	VFMADD231PD  Y5, Y4, S
#define EVEN ENTRY4(0, 0, Y0)
#define ODD ENTRY4(4, 8, Y1)
#define STORE VADDPD Y1, Y0, Y0; VCVTPD2PSY Y0, X0; VMOVUPS X0, (DI)
#include "block_csr_amd64.h"

#define SETUP FLUSH(AX)
#define NAME ·csrBlockSingle2
#define ZERO VXORPD X0, X0, X0; VXORPD X1, X1, X1
#define ENTRY2(c, v, S) \
	COLUMN(c)                           \
	VMOVDDUP     v(R11)(AX*8), X4       \
	VCVTPS2PD    (SI)(BX*1), X5         \
	VFMADD231PD  X5, X4, S
#define EVEN ENTRY2(0, 0, X0)
#define ODD ENTRY2(4, 8, X1)
#define STORE VADDPD X1, X0, X0; VCVTPD2PSX X0, X0; VMOVSD X0, (DI)
#include "block_csr_amd64.h"
