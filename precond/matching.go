package precond

import (
	"container/heap"
	"fmt"
	"math"
)

// structuralError says that no choice of one entry from each row takes every column
// once: the matrix is singular whatever its values are.
type structuralError struct{ row int }

func (e structuralError) Error() string {
	return fmt.Sprintf("the matrix is structurally singular: no column is left for row %d", e.row)
}

// match finds the permutation of the rows of a square matrix that puts the entries
// with the largest product of magnitudes on the diagonal, row perm[j] to place j, and
// scalings with |dr[i]·aᵢⱼ·dc[j]| ≤ 1, equality for the entries chosen (Duff & Koster,
// SIAM J. Matrix Anal. Appl. 22, 2001, doi:10.1137/S0895479899358443). It is the
// assignment problem with costs log maxⱼ|aᵢⱼ| − log|aᵢⱼ|, solved by shortest augmenting
// paths.
func match(rowPtr []int, col []int32, val []float64) (perm []int32, dr, dc []float64, err error) {
	n := len(rowPtr) - 1
	s := &assignment{
		rowPtr: rowPtr, col: col, cost: make([]float64, len(col)),
		u: make([]float64, n), v: make([]float64, n),
		row: make([]int32, n), of: make([]int32, n),
		dist: make([]float64, n), from: make([]int32, n), place: make([]int32, n),
	}
	largest := make([]float64, n) // log of
	for i := range n {
		lo, hi := rowPtr[i], rowPtr[i+1]
		big := 0.0
		for _, a := range val[lo:hi] {
			big = max(big, math.Abs(a))
		}
		if big == 0 {
			return nil, nil, nil, structuralError{i}
		}
		largest[i] = math.Log(big)
		for p := lo; p < hi; p++ {
			s.cost[p] = largest[i] - math.Log(math.Abs(val[p])) // +Inf for zeros
		}
	}
	s.start()
	for i := range int32(n) {
		if s.of[i] < 0 && !s.augment(i) {
			return nil, nil, nil, structuralError{int(i)}
		}
	}
	dr, dc = s.u, s.v
	for i := range n {
		dr[i], dc[i] = math.Exp(dr[i]-largest[i]), math.Exp(dc[i])
	}
	return s.row, dr, dc, nil
}

// assignment is the state of the search. Reduced costs c − u − v are never negative,
// and zero between a column j and its row row[j].
type assignment struct {
	rowPtr []int
	col    []int32
	cost   []float64
	u, v   []float64 // of rows, of columns
	row    []int32   // of a column; -1: free
	of     []int32   // column of a row; -1: free

	// One search: columns met, their distances, the rows they were met from, and
	// where they are in the heap (-1: settled, -2: not met).
	dist    []float64
	from    []int32
	place   []int32
	met     []int32
	heap    []int32
	settled []int32
}

// start sets the dual variables from the minima of columns and then rows, and takes
// what fits at once.
func (s *assignment) start() {
	n := len(s.u)
	for j := range n {
		s.v[j], s.row[j], s.of[j], s.place[j] = math.Inf(1), -1, -1, -2
	}
	for p, j := range s.col {
		s.v[j] = min(s.v[j], s.cost[p])
	}
	for i := range n {
		s.u[i] = math.Inf(1)
		for p := s.rowPtr[i]; p < s.rowPtr[i+1]; p++ {
			if j := s.col[p]; !math.IsInf(s.cost[p], 0) {
				s.u[i] = min(s.u[i], s.cost[p]-s.v[j])
			}
		}
		// The diagonal entry goes first, so that nothing moves without need.
		for pass := range 2 {
			for p := s.rowPtr[i]; p < s.rowPtr[i+1] && s.of[i] < 0; p++ {
				j := s.col[p]
				if (pass == 1 || int(j) == i) && s.row[j] < 0 && s.cost[p]-s.v[j] == s.u[i] {
					s.row[j], s.of[i] = int32(i), j
				}
			}
		}
	}
}

// augment finds the shortest path from the free row r to a free column and changes
// the assignment along it. It returns false if there is none.
func (s *assignment) augment(r int32) bool {
	s.met, s.heap, s.settled = s.met[:0], s.heap[:0], s.settled[:0]
	s.relax(r, 0)
	end, length := int32(-1), 0.0
	for len(s.heap) > 0 {
		j := heap.Pop(s).(int32)
		length = s.dist[j]
		if s.row[j] < 0 {
			end = j
			break
		}
		s.settled = append(s.settled, j)
		s.relax(s.row[j], length)
	}
	if end >= 0 {
		for _, j := range s.settled {
			s.v[j] += s.dist[j] - length
			s.u[s.row[j]] += length - s.dist[j]
		}
		s.u[r] += length
		for j := end; j >= 0; {
			i := s.from[j]
			next := s.of[i]
			s.row[j], s.of[i] = i, j
			j = next
		}
	}
	for _, j := range s.met {
		s.place[j] = -2
	}
	return end >= 0
}

// relax extends paths of length d by the entries of row i.
func (s *assignment) relax(i int32, d float64) {
	for p := s.rowPtr[i]; p < s.rowPtr[i+1]; p++ {
		j := s.col[p]
		if s.place[j] == -1 || math.IsInf(s.cost[p], 0) {
			continue
		}
		length := d + max(s.cost[p]-s.u[i]-s.v[j], 0)
		switch {
		case s.place[j] == -2:
			s.met = append(s.met, j)
			s.dist[j], s.from[j] = length, i
			heap.Push(s, j)
		case length < s.dist[j]:
			s.dist[j], s.from[j] = length, i
			heap.Fix(s, int(s.place[j]))
		}
	}
}

// Len, Less, Swap, Push and Pop implement [heap.Interface] for the columns met.
func (s *assignment) Len() int { return len(s.heap) }

func (s *assignment) Less(a, b int) bool {
	x, y := s.heap[a], s.heap[b]
	return s.dist[x] < s.dist[y] || s.dist[x] == s.dist[y] && x < y
}

func (s *assignment) Swap(a, b int) {
	s.heap[a], s.heap[b] = s.heap[b], s.heap[a]
	s.place[s.heap[a]], s.place[s.heap[b]] = int32(a), int32(b)
}

func (s *assignment) Push(j any) {
	s.place[j.(int32)] = int32(len(s.heap))
	s.heap = append(s.heap, j.(int32))
}

func (s *assignment) Pop() any {
	j := s.heap[len(s.heap)-1]
	s.heap = s.heap[:len(s.heap)-1]
	s.place[j] = -1
	return j
}
