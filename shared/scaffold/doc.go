// Package scaffold writes projects, and adds pieces of a domain to them.
//
// All that a command writes is one set of [Changes], which is applied as a whole or not at all. New files are templates. Additions
// to existing files are text at positions that the syntax tree gives, so comments and other edits of the files are kept.
package scaffold
