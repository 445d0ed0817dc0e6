"""
What the fixtures answer with: the smallest text, picture, sound and resource that are valid.
"""

import base64
import struct
import zlib

import mcp_types as types


def text(words: str) -> types.TextContent:
    """
    *words* as content.
    """
    return types.TextContent(text=words)


def picture() -> types.ImageContent:
    """
    One red pixel.
    """
    return types.ImageContent(data=PNG, mime_type="image/png")


def sound() -> types.AudioContent:
    """
    Eight samples of silence.
    """
    return types.AudioContent(data=_base64(_wav(bytes(8))), mime_type="audio/wav")


def embedded(uri: str, mime_type: str, words: str) -> types.EmbeddedResource:
    """
    The resource at *uri* inside of an answer.
    """
    return types.EmbeddedResource(
        resource=types.TextResourceContents(uri=uri, mime_type=mime_type, text=words)
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _png() -> bytes:
    header = struct.pack(">2I5B", 1, 1, 8, 2, 0, 0, 0)  # 1 x 1, 8 bits each of red, green and blue
    pixel = zlib.compress(b"\0\xff\0\0")
    chunks = ((b"IHDR", header), (b"IDAT", pixel), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _wav(samples: bytes) -> bytes:
    shape = struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)  # plain, one channel, 8 kHz, 8 bits
    body = b"WAVEfmt " + shape + b"data" + struct.pack("<I", len(samples)) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


PNG = _base64(_png())
