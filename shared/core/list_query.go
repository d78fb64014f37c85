package core

import "encoding/json"

// Document is one document of a view.
type Document struct {
	Key      string
	Position Position // of the commit that changed it last
	Data     json.RawMessage
}

// ListQuery selects and sorts the documents of a view by declared fields.
type ListQuery struct {
	Filter []FieldValue // a document matches all of them
	Sort   string       // a declared field; empty: by key
	Desc   bool
	Limit  int    // 1 to [MaxListLimit]; a page of large documents is shorter: [MaxListBytes]
	Cursor string // [Page.Next] of the previous page; empty for the first
}

// FieldValue matches documents whose field equals the value.
type FieldValue struct {
	Field string
	Value string
}

// Page is one page of a list.
type Page struct {
	Items []Document
	Next  string // cursor of the next page; empty on the last
}
