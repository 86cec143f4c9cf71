package autodiff

import (
	"fmt"
	"math"

	"github.com/hgsolve/hgsolve/hvp"
)

// A Support says which entries of a vector, y or w, the terms of a group see. Its
// constructors are [Each], [Grid], [Chain], [Index], [Shared] and [Forms]; the
// zero value is that of terms that see none.
type Support struct {
	shape  shape
	count  int // terms; 0 for any number
	arity  int // entries that one term sees
	limit  int // the largest index is below
	offset []int
	width  int // of a row of positions
	stride int // from row to row of positions
	table  []int32
	forms  *hvp.CSR
	err    error
}

type shape uint8

const (
	empty shape = iota
	lattice
	tabled
	sharedByAll
)

// Each is one term per entry: term k sees entry k of n.
func Each(n int) Support { return Grid(1, n, 1, 1) }

// Chain is one term per window of consecutive entries: term k sees entries
// k … k+width-1 of n.
func Chain(n, width int) Support { return Grid(1, n, 1, width) }

// Grid is one term per place of a height×width window inside a rows×cols array
// that is stored in row-major order. The term sees the entries of its window in
// row-major order; the places are counted in row-major order, too.
func Grid(rows, cols, height, width int) Support {
	if height < 1 || width < 1 || rows < height || cols < width || rows > math.MaxInt32/cols {
		return Support{err: fmt.Errorf("no place for a %d×%d window in a %d×%d array", height, width, rows, cols)}
	}
	s := Support{shape: lattice, width: cols - width + 1, stride: cols, arity: height * width, limit: rows * cols}
	s.count = (rows - height + 1) * s.width
	for a := range height {
		for b := range width {
			s.offset = append(s.offset, a*cols+b)
		}
	}
	return s
}

// Index is given entry by entry: term k sees the entries
// index[k·arity … k·arity+arity-1], which must differ from each other. The slice
// is kept.
func Index(arity int, index []int32) Support {
	if arity < 1 || len(index) == 0 || len(index)%arity != 0 {
		return Support{err: fmt.Errorf("%d indices are not a positive number of terms with %d each", len(index), arity)}
	}
	s := Support{shape: tabled, count: len(index) / arity, arity: arity, table: index}
	for i, v := range index {
		k := i / arity
		if v < 0 {
			return Support{err: fmt.Errorf("index %d of term %d is %d", i%arity, k, v)}
		}
		for _, u := range index[k*arity : i] {
			if u == v {
				return Support{err: fmt.Errorf("term %d sees entry %d twice", k, v)}
			}
		}
		s.limit = max(s.limit, int(v)+1)
	}
	return s
}

// Shared is the same for all terms: each sees the given entries. Whatever a term
// computes from shared entries alone is computed only once.
func Shared(index ...int) Support {
	s := Support{shape: sharedByAll, arity: len(index)}
	for i, v := range index {
		if v < 0 || v >= math.MaxInt32 {
			return Support{err: fmt.Errorf("shared entry %d is %d", i, v)}
		}
		for _, u := range index[:i] {
			if u == v {
				return Support{err: fmt.Errorf("entry %d is shared twice", v)}
			}
		}
		s.offset = append(s.offset, v)
		s.limit = max(s.limit, v+1)
	}
	return s
}

// Range is [Shared] for the entries lo … hi-1.
func Range(lo, hi int) Support {
	index := make([]int, 0, max(hi-lo, 0))
	for i := lo; i < hi; i++ {
		index = append(index, i)
	}
	return Shared(index...)
}

// Forms gives term k the linear forms x_i·y of rows i = k·arity … k·arity+arity-1
// of a sparse matrix, instead of entries: this is how a term sees a number of
// variables that differs from term to term, for example the features of an
// example in a log-linear model. It serves for y only.
func Forms(x *hvp.CSR, arity int) Support {
	if x == nil {
		return Support{err: fmt.Errorf("linear forms of a nil matrix")}
	}
	rows, cols := x.Dims()
	if arity < 1 || rows == 0 || rows%arity != 0 {
		return Support{err: fmt.Errorf("%d linear forms are not a positive number of terms with %d each", rows, arity)}
	}
	s := Each(rows)
	if arity > 1 {
		if rows > math.MaxInt32 {
			return Support{err: fmt.Errorf("%d linear forms are too many", rows)}
		}
		index := make([]int32, rows)
		for i := range index {
			index[i] = int32(i)
		}
		s = Index(arity, index)
	}
	s.forms, s.limit = x, cols
	return s
}

// base returns the entry that offset 0 of term k of a lattice names.
func (s *Support) base(k int) int { return k/s.width*s.stride + k%s.width }

// bind returns element j of the support for terms k0 … k0+m-1: a part of src
// where the entries are contiguous, else a copy in buf.
func (s *Support) bind(buf, src []float64, j, k0, m int) []float64 {
	if s.shape == lattice {
		at := s.base(k0) + s.offset[j]
		return src[at : at+m]
	}
	buf = buf[:m]
	for i := range buf {
		buf[i] = src[s.table[(k0+i)*s.arity+j]]
	}
	return buf
}

// A plan says how the chunks of a group add to a vector without meeting: each
// entry of the vector belongs to one chunk, which adds to it directly. What other
// chunks have for it goes to places of their own, the halo, and is added when all
// are done, chunk by chunk in order. Sums therefore have the same order, and the
// same bits, for any number of workers.
type plan struct {
	s      *Support
	begin  []int   // lattice: chunk c owns begin[c] … begin[c+1]-1
	pos    []int32 // table: where to add, ^slot for the halo
	slots  []int   // halo of chunk c: slots[c] … slots[c+1]-1
	target []int32 // table: entries with a halo, whose slots are
	ptr    []int32 // slot[ptr[i]] … slot[ptr[i+1]-1]
	slot   []int32
	n      int
}

// newPlan plans for terms chunk[c] … chunk[c+1]-1 in chunk c and a vector of
// length n.
func newPlan(s *Support, chunk []int, n int) *plan {
	p := &plan{s: s, n: n, slots: []int{0}}
	chunks := len(chunk) - 1
	switch s.shape {
	case sharedByAll, empty:
		for c := range chunks {
			p.slots = append(p.slots, (c+1)*s.arity)
		}
	case lattice:
		reach := 0
		for _, o := range s.offset {
			reach = max(reach, o)
		}
		p.begin = []int{0}
		for c := range chunks {
			end := n
			if c+1 < chunks {
				end = s.base(chunk[c+1])
			}
			p.begin = append(p.begin, end)
			p.slots = append(p.slots, p.slots[c]+min(reach, n-end))
		}
	case tabled:
		owner := make([]int32, n)
		for i := range owner {
			owner[i] = -1
		}
		mine := make(map[int32]int32) // halo slots of the chunk
		var homeless []int32          // the entry of each slot
		for c := range chunks {
			clear(mine)
			for i := chunk[c] * s.arity; i < chunk[c+1]*s.arity; i++ {
				v := s.table[i]
				switch {
				case owner[v] < 0:
					owner[v] = int32(c)
				case owner[v] == int32(c):
				default:
					if p.pos == nil {
						p.pos = append([]int32(nil), s.table...)
					}
					h, ok := mine[v]
					if !ok {
						h = int32(len(homeless))
						mine[v] = h
						homeless = append(homeless, v)
					}
					p.pos[i] = ^h
				}
			}
			p.slots = append(p.slots, len(homeless))
		}
		if p.pos == nil {
			p.pos = s.table
		}
		// Slots by entry, in the order of the chunks.
		count := make([]int32, n+1)
		for _, v := range homeless {
			count[v+1]++
		}
		where := make(map[int32]int32)
		p.ptr = []int32{0}
		for v := range n {
			if count[v+1] > 0 {
				where[int32(v)] = int32(len(p.target))
				p.target = append(p.target, int32(v))
				p.ptr = append(p.ptr, p.ptr[len(p.ptr)-1]+count[v+1])
			}
		}
		p.slot = make([]int32, len(homeless))
		fill := append([]int32(nil), p.ptr...)
		for h, v := range homeless {
			i := where[v]
			p.slot[fill[i]] = int32(h)
			fill[i]++
		}
	}
	return p
}

// haloLen returns the length of the halo.
func (p *plan) haloLen() int { return p.slots[len(p.slots)-1] }

// start prepares chunk c: its halo is zero and, if the vector is to be set, what
// it owns.
func (p *plan) start(c int, dst, halo []float64, set bool) {
	clear(halo[p.slots[c]:p.slots[c+1]])
	if set && p.s.shape == lattice {
		clear(dst[p.begin[c]:p.begin[c+1]])
	}
}

// add adds the values v of element j for terms k0 … of chunk c.
func (p *plan) add(c int, dst, halo, v []float64, j, k0 int) {
	switch p.s.shape {
	case sharedByAll:
		s := 0.0
		for _, x := range v {
			s += x
		}
		halo[p.slots[c]+j] += s
	case lattice:
		at := p.s.base(k0) + p.s.offset[j]
		end := p.begin[c+1]
		if inside := min(max(end-at, 0), len(v)); inside > 0 {
			addTo(dst[at:at+inside], v[:inside])
			at, v = at+inside, v[inside:]
		}
		if len(v) > 0 {
			h := halo[p.slots[c]+at-end:]
			addTo(h[:len(v)], v)
		}
	case tabled:
		arity := p.s.arity
		pos := p.pos[k0*arity+j:]
		for i, x := range v {
			if q := pos[i*arity]; q >= 0 {
				dst[q] += x
			} else {
				halo[^q] += x
			}
		}
	}
}

func addTo(dst, v []float64) {
	v = v[:len(dst)]
	for i, x := range v {
		dst[i] += x
	}
}

const finishBlock = 1024 // entries of a table that one chunk of finish adds

// finishChunks returns how many chunks finish has.
func (p *plan) finishChunks() int {
	switch {
	case p.haloLen() == 0:
		return 0
	case p.s.shape == sharedByAll:
		return 1
	case p.s.shape == lattice:
		return len(p.begin) - 1
	}
	return (len(p.target) + finishBlock - 1) / finishBlock
}

// finish adds part c of the halo.
func (p *plan) finish(c int, dst, halo []float64) {
	switch p.s.shape {
	case sharedByAll:
		chunks := len(p.slots) - 1
		for j, v := range p.s.offset {
			dst[v] += combineStrided(halo[j:], chunks, p.s.arity)
		}
	case lattice:
		// A chunk is longer than the reach of its windows: what it owns
		// meets the halo of the one before only.
		if c > 0 {
			h := halo[p.slots[c-1]:p.slots[c]]
			addTo(dst[p.begin[c]:p.begin[c]+len(h)], h)
		}
	case tabled:
		for i := c * finishBlock; i < min((c+1)*finishBlock, len(p.target)); i++ {
			s := dst[p.target[i]]
			for _, h := range p.slot[p.ptr[i]:p.ptr[i+1]] {
				s += halo[h]
			}
			dst[p.target[i]] = s
		}
	}
}

// combineStrided is parallel.Combine for n numbers, each stride after the other.
func combineStrided(v []float64, n, stride int) float64 {
	if n <= 8 {
		s := 0.0
		for i := range n {
			s += v[i*stride]
		}
		return s
	}
	h := n / 2
	return combineStrided(v, h, stride) + combineStrided(v[h*stride:], n-h, stride)
}
