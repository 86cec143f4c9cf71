package hvp

import (
	"fmt"

	"github.com/hgsolve/hgsolve/internal/formats"
)

// ReadMatrixMarket reads a matrix from a Matrix Market file, plain or compressed
// (gzip, bzip2, xz): coordinate or array, real, integer or pattern, whose entries
// are 1. Entries at the same place are added. A matrix stored as symmetric is
// expanded and promises to be [Symmetric]; one stored as skew-symmetric is
// expanded with its signs. Definiteness is no part of the format: add it by
// [CSR.Promise]. Errors name the file, the line and the reason.
func ReadMatrixMarket(path string) (*CSR, error) {
	m, err := formats.ReadMatrixMarketFile(path)
	if err != nil {
		return nil, err
	}
	i, j, v := m.Expand()
	a, err := NewCSRFromTriplets(m.Rows, m.Cols, i, j, v)
	if err == nil && m.Symmetry == "symmetric" {
		a, err = a.Promise(Symmetric)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}
