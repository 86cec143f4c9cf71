package hvp

import (
	"cmp"
	"slices"

	"github.com/hgsolve/hgsolve/internal/kernel"
)

// split is a second form of a sparse X, made for dst = Xᵀ·f(X·v). Its columns
// fall into two kinds.
//
// Frequent columns, at most 2¹⁶ of them, stand row by row with 16-bit indices in
// the order of falling frequency. The rows are cut into groups, whose number
// depends on the shape only; each has a sum of its own over the frequent
// columns. A window of rows is read once from memory: for X·v and, while it is
// in the second-level cache, for the sum of the group. At the end the sums of the
// groups are added in their order. Both v and the sum are short, and what is used
// most of them is in one place.
//
// Rare columns, of a few entries each, for which a sum per group would cost more
// than a second reading, are cut into windows and the rows into blocks. A cell,
// the entries in a block and a window, has 16-bit indices for both, in the order
// of the columns. Cells are read in the order of the blocks for X·v, where v
// then streams by while the result stays in the cache, and once more in that of
// the windows for the transpose.
//
// Values are not stored if all are one, and as float32 where that is exact.
// Per product an entry costs 2…10 bytes in a frequent and 8…24 in a rare column,
// against 24 with X and its transpose, and it is stored in 2…10 or 4…12.
type split struct {
	rows, cols int
	groups     []int // bounds of the rows

	frequent []int32  // the frequent columns by falling frequency
	windows  []int    // bounds of up to rowWindow rows within a group
	first    []int    // group → its first window; one more, here and below
	entry    []int    // window → its first entry in col and val
	row      []uint16 // by falling number of entries within a window → the row in it
	length   []int32  // of that row
	col      []uint16 // the place of the column in frequent
	val      values
	place    []int    // window of rare columns → its first element in at
	at       []placed // the frequent columns in their natural order

	blocks     []int    // bounds of the rows
	firstBlock []int    // group → its first block
	width      int      // of a window of columns
	cells      []int    // block·(number of windows) + window → its first entry below
	rareRow    []uint16 // within the block
	rareCol    []uint16 // within the window
	rareVal    values
}

// placed is a frequent column: which of its window it is, and which in frequent.
type placed struct{ col, index uint16 }

// rowWindow is how many rows are read at a time: they stay in the second-level
// cache until they are used again. Within a window rows are sorted by length, so that
// the ends of the loops over a row can be predicted.
const rowWindow = 1024

// splitGroup is how many entries a group of rows has at least, about, and
// splitGroups how many groups there are at most: so many cores can share the rows.
const (
	splitGroup  = 1 << 15
	splitGroups = 16
)

// cellEntries is how many entries a cell shall have on average, at least, where
// windows of 2¹⁶ columns allow it; below minWidth a window is not worth a chunk.
const (
	cellEntries = 512
	minWidth    = 1 << 10
	maxIndex    = 1 << 16
)

// splitFrequent says that a column is frequent if it has more than this many
// entries per group. A sum costs a group 8 bytes to clear and 8 to add; an entry
// moves at least 14 bytes less than a rare one, in vectors that are short.
// Between 1 and 2 and between 4 and 16 groups the time is flat (power-law case of
// BenchmarkGLM: 21 … 24 ms), and so it is for cells of 256 … 4096 entries.
const splitFrequent = 1

// split returns the second form of a, building it at the first call.
func (a *CSR) split() *split {
	if s := a.splitForm.Load(); s != nil {
		return s
	}
	a.splitOnce.Do(func() { a.splitForm.Store(newSplit(a)) })
	return a.splitForm.Load()
}

func newSplit(a *CSR) *split {
	s := &split{rows: a.rows, cols: a.cols}
	s.cutRows(a.rowPtr)
	rank := s.choose(a)
	val := shorten(a.val)
	s.storeFrequent(a, rank, val)
	s.storeRare(a, rank, val)
	for j, h := range rank {
		if j%s.width == 0 {
			s.place = append(s.place, len(s.at))
		}
		if h >= 0 {
			s.at = append(s.at, placed{uint16(j % s.width), uint16(h)})
		}
	}
	s.place = append(s.place, len(s.at))
	return s
}

// storeFrequent stores the entries in frequent columns.
func (s *split) storeFrequent(a *CSR, rank []int32, val values) {
	length, total := make([]int32, a.rows), 0
	for i := range a.rows {
		for _, c := range a.col[a.rowPtr[i]:a.rowPtr[i+1]] {
			if rank[c] >= 0 {
				length[i]++
				total++
			}
		}
	}
	s.windows, s.first = subdivide(s.groups, rowWindow)
	s.col, s.val = make([]uint16, 0, total), val.empty(total)
	s.row, s.length = make([]uint16, a.rows), make([]int32, 0, a.rows)
	for w, lo := range s.windows[:len(s.windows)-1] {
		s.entry = append(s.entry, len(s.col))
		row := s.row[lo:s.windows[w+1]]
		for r := range row {
			row[r] = uint16(r)
		}
		slices.SortStableFunc(row, func(i, j uint16) int { return cmp.Compare(length[lo+int(j)], length[lo+int(i)]) })
		for _, r := range row {
			i := lo + int(r)
			s.length = append(s.length, length[i])
			for k := a.rowPtr[i]; k < a.rowPtr[i+1]; k++ {
				if h := rank[a.col[k]]; h >= 0 {
					s.col = append(s.col, uint16(h))
					s.val.add(val, k, k+1)
				}
			}
		}
	}
	s.entry = append(s.entry, len(s.col))
}

// storeRare stores the others, cell by cell.
func (s *split) storeRare(a *CSR, rank []int32, val values) {
	s.blocks, s.firstBlock = subdivide(s.groups, maxIndex)
	total := len(a.col) - len(s.col)
	blocks := len(s.blocks) - 1
	for s.width = minWidth; s.width < maxIndex && total/max(blocks, 1) < cellEntries*(a.cols/s.width); {
		s.width *= 2
	}
	windows := (a.cols + s.width - 1) / s.width

	// By columns first, rows rising within each.
	ptr := make([]int, a.cols+2)
	for _, c := range a.col {
		if rank[c] < 0 {
			ptr[c+2]++
		}
	}
	for j := range a.cols {
		ptr[j+2] += ptr[j+1]
	}
	row, from := make([]int32, total), make([]int, total)
	count := make([]int, blocks*windows+2)
	for b := range blocks {
		for i := s.blocks[b]; i < s.blocks[b+1]; i++ {
			for k := a.rowPtr[i]; k < a.rowPtr[i+1]; k++ {
				if c := a.col[k]; rank[c] < 0 {
					p := &ptr[c+1]
					row[*p], from[*p] = int32(i), k
					*p++
					count[b*windows+int(c)/s.width+2]++
				}
			}
		}
	}
	for c := range blocks * windows {
		count[c+2] += count[c+1]
	}
	s.rareRow, s.rareCol, s.rareVal = make([]uint16, total), make([]uint16, total), val.empty(total)
	s.rareVal.f64, s.rareVal.f32 = s.rareVal.f64[:cap(s.rareVal.f64)], s.rareVal.f32[:cap(s.rareVal.f32)]
	for j := range a.cols {
		b := 0
		for k := ptr[j]; k < ptr[j+1]; k++ {
			for int(row[k]) >= s.blocks[b+1] {
				b++
			}
			p := &count[b*windows+j/s.width+1]
			s.rareRow[*p], s.rareCol[*p] = uint16(int(row[k])-s.blocks[b]), uint16(j%s.width)
			s.rareVal.set(*p, val, from[k])
			*p++
		}
	}
	s.cells = count[:blocks*windows+1]
}

// subdivide cuts each of the intervals between bounds into intervals of at most
// size, whose bounds it returns, and the first of each interval given.
func subdivide(bounds []int, size int) (fine, first []int) {
	for g := range len(bounds) - 1 {
		first = append(first, len(fine))
		for i := bounds[g]; i < bounds[g+1]; i += size {
			fine = append(fine, i)
		}
	}
	return append(fine, bounds[len(bounds)-1]), append(first, len(fine))
}

// cutRows cuts the rows into groups of about equal numbers of entries.
func (s *split) cutRows(rowPtr []int) {
	n := min(max(rowPtr[s.rows]/splitGroup, 1), splitGroups)
	s.groups = []int{0}
	for i := 1; i <= s.rows; i++ {
		if done := len(s.groups); i == s.rows || done < n && rowPtr[i] >= rowPtr[s.rows]/n*done {
			s.groups = append(s.groups, i)
		}
	}
}

// choose chooses the frequent columns and returns the place of each column
// among them, or -1.
func (s *split) choose(a *CSR) (rank []int32) {
	count := make([]int32, a.cols)
	for _, c := range a.col {
		count[c]++
	}
	for j, n := range count {
		if int(n) > splitFrequent*(len(s.groups)-1) {
			s.frequent = append(s.frequent, int32(j))
		}
	}
	slices.SortStableFunc(s.frequent, func(i, j int32) int { return cmp.Compare(count[j], count[i]) })
	s.frequent = s.frequent[:min(len(s.frequent), kernel.FrequentColumns)]
	rank = count
	for j := range rank {
		rank[j] = -1
	}
	for h, j := range s.frequent {
		rank[j] = int32(h)
	}
	return rank
}

// bytes returns the memory that s holds.
func (s *split) bytes() int64 {
	words := len(s.groups) + len(s.windows) + len(s.first) + len(s.entry) + len(s.place) + len(s.blocks) + len(s.firstBlock) + len(s.cells)
	halves := len(s.frequent) + len(s.length) + len(s.at)
	quarters := len(s.row) + len(s.col) + len(s.rareRow) + len(s.rareCol)
	return int64(words)*8 + int64(halves)*4 + int64(quarters)*2 + s.val.bytes() + s.rareVal.bytes()
}
