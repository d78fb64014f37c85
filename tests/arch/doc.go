// Package arch holds the tests of the tree itself: the direction of imports, the length of files, and what git tracks.
package arch
