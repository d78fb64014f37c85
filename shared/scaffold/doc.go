// Package scaffold writes the source files of a project, and adds pieces to it. What it writes builds, passes the linter, and has
// green tests.
package scaffold
