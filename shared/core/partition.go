package core

// PartitionOf returns the partition, from 0 to partitions-1, that holds the streams of this tenant and id. The category is
// not hashed, so streams of different categories with the same id share a partition. The hash is
// FNV-1a of 32 bits (http://www.isthe.com/chongo/tech/comp/fnv/) over tenant + "/" + id.
func PartitionOf(tenant, id string, partitions int) int {
	hash := fnv1a(fnv1a(fnv1a(fnvOffset, tenant), "/"), id)
	return int(hash % uint32(partitions))
}

const (
	fnvOffset uint32 = 2166136261
	fnvPrime  uint32 = 16777619
)

func fnv1a(hash uint32, text string) uint32 {
	for i := range len(text) {
		hash = (hash ^ uint32(text[i])) * fnvPrime
	}
	return hash
}
