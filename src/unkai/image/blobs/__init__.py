"""Where images' data lies. `contract` says what a store does, `file` does it in a file system."""

from unkai.image.blobs.contract import BlobMissing, BlobReader, BlobStore, BlobWriter, Stores
from unkai.image.blobs.file import FileStore

__all__ = ["BlobMissing", "BlobReader", "BlobStore", "BlobWriter", "FileStore", "Stores"]
