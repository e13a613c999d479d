"""A camera and its viewer: full-HD frames as numpy arrays, written and read where they stand.

usage: camera.py [FRAMES]     the viewer is a child of this process
"""

import multiprocessing
import sys
import time

import numpy as np

import ringbell

SHAPE = (1080, 1920, 3)  # height, width, colours
FRAME_BYTES = 1080 * 1920 * 3


def film(ring: ringbell.Ring, frames: int) -> None:
    """The camera: each frame is made in the ring itself."""
    with ringbell.Sender.open(ring) as sender:
        for number in range(frames):
            with sender.loan_array(SHAPE) as frame:
                frame[:] = number % 256  # a real one: camera.read(frame)


def main() -> None:
    frames = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    ring = ringbell.Ring.channel(capacity_bytes=4 * FRAME_BYTES)
    camera = multiprocessing.Process(target=film, args=(ring, frames))
    seen, start = 0, time.monotonic()
    with ringbell.Receiver.open(ring) as receiver:  # before there is a camera that waits for it
        camera.start()
        # Each is valid until the next turn. A camera that fails before it has opened its end is not
        # told of: the time-out ends the wait.
        for frame in receiver.arrays(np.uint8, SHAPE, timeout=5):
            assert frame[0, 0, 0] == frame[-1, -1, -1] == seen % 256
            seen += 1
    camera.join()
    if seen < frames:
        sys.exit(f"{seen} of {frames} frames came")
    seconds = time.monotonic() - start
    print(f"{seen} frames, {seen * FRAME_BYTES / seconds / 1e9:.1f} GB/s")


if __name__ == "__main__":
    main()
