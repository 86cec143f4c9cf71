// Package formats reads and writes the files at the edge of hgsolve.
//
//	kind                 read                                  write
//	any file             [Open] (gzip, bzip2, xz by content)   [WriteFile] (atomic)
//	NumPy array          [ReadNpy]                             [WriteNpy]
//	grey image           [ReadImage], [DecodePNG]              [EncodePNG]
//	LIBSVM examples      [ReadLIBSVM], [ReadLIBSVMFile]
//	Matrix Market        [ReadMatrixMarket],                   [WriteMatrixMarket]
//	                     [ReadMatrixMarketFile]
//
// # Memory
//
// Readers stream: beyond the result they hold buffers of fixed size (the PNG
// reader holds the compressed file too). What a header announces is never
// trusted for an allocation: a result grows with the bytes that really arrive,
// so a tiny hostile file cannot ask for gigabytes.
//
// # Errors
//
// An error is one line that names the file as the caller gave it, the line
// counted from 1 where there is one, and the reason:
//
//	train.svm:17: value "abc" is not a number
//	K.mtx:1: field "complex" is not supported (want real, double, integer or pattern)
//	mask.npy: 3 of 6 values, then the file ends
//
// Offending tokens are quoted and cut to 40 bytes. A reader that returns an
// error returns no data, never half of a file. Causes stay wrapped, so
// errors.Is(err, fs.ErrNotExist) works.
//
// Nothing that is returned aliases anything that the package keeps; the
// package has no state.
package formats
