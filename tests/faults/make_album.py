"""Make one product with two files, unless it is made: the program that is killed."""

import sys
from pathlib import Path

from awlta import config
from awlta.lineage import DataProduct, Workspace, new_hdf5, recipe
from awlta.persistent import Attribute, persistent


class Album(DataProduct):
    """A product with two files."""

    n: Attribute[int] = persistent("number of pictures")
    total: Attribute[int] = persistent("their sum", init=False)

    @recipe
    def make(self) -> None:
        """Write the pictures and their captions."""
        with new_hdf5(self.create(".h5")) as file:
            file["pictures"] = list(range(self.n))
        self.create(".txt", role="captions").write_text("caption\n" * self.n)
        self.total = sum(range(self.n))


if __name__ == "__main__":
    workspace = Workspace(config.load(Path(sys.argv[1])))
    with workspace.use():
        album = Album.get_target(n=4)
        if not album.is_made():
            album.make()
        print(album.object_id)
    workspace.close()
