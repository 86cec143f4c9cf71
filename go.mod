module github.com/hgsolve/hgsolve

go 1.26.0

require (
	github.com/james-bowman/sparse v0.0.0-20260216202247-495ee4f84d35
	github.com/klauspost/compress v1.20.3
	github.com/sbinet/npyio v0.6.0
	github.com/ulikunitz/xz v0.5.17
	golang.org/x/term v0.47.0
	gonum.org/v1/gonum v0.17.0
	pgregory.net/rapid v1.3.0
)

require golang.org/x/sys v0.49.0
