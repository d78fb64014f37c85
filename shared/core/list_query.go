package core

import "encoding/json"

// Document is one document of a view.
type Document struct {
	Key      string
	Position Position // of the commit that changed it last
	Data     json.RawMessage
}

// ListQuery asks for documents by declared fields.
type ListQuery struct {
	Filter []FieldValue // all of them hold
	Sort   string       // a declared field; empty sorts by key
	Desc   bool
	Limit  int    // 1 to [MaxListLimit]
	Cursor string // [Page.Next] of the page before, empty for the first
}

// FieldValue asks for documents whose field equals the value.
type FieldValue struct {
	Field string
	Value string
}

// Page is a part of a list.
type Page struct {
	Items []Document
	Next  string // where the next page starts; empty at the end
}
