"""Settings by what the data and the machine are."""

from mmseg_classmix.new_project.proposal import Machine, propose

CPU, GPU = Machine(0, 2), Machine(24, 16)


def make(sizes, labeled=40, unlabeled=300, machine=CPU, classes=2, **more):
    return propose(sizes, labeled, unlabeled, classes, machine, **more)


def test_crop_fits_the_images():
    for size, cpu, gpu in (
        ((37, 53), (32, 48), (32, 48)),
        ((9, 9), (32, 32), (32, 32)),
        ((360, 480), (256, 256), (352, 480)),
        ((1024, 2048), (256, 256), (512, 512)),
        ((100, 4000), (32, 256), (48, 512)),
    ):
        assert make([size]).crop_size == cpu
        assert make([size], machine=GPU).crop_size == gpu
    # Of many sizes the median counts.
    sizes = [(64, 96)] * 3 + [(2000, 3000)] + [(10, 10)]
    assert make(sizes).crop_size == (64, 96)


def test_large_images_are_resized_to_four_crops():
    whole = make([(768, 1024)])
    assert whole.scale == 1 and 'scale' not in whole.why
    photo = make([(3000, 4000)])
    assert photo.scale == 0.25
    # 4000 x 0.25 are 4 crops of 256; on a GPU 4 of 512 are 0.512.
    assert '3000x4000' in photo.why['scale']
    assert make([(3000, 4000)], machine=GPU).scale == 0.51


def test_batch_follows_memory_classes_and_crops():
    sizes = [(1024, 1024)]
    for memory, batch in ((2, 2), (8, 4), (12, 8), (24, 8), (80, 8)):
        assert make(sizes, machine=Machine(memory, 8)).batch == batch
    assert make(sizes, machine=Machine(12, 8), classes=150).batch == 4
    assert make([(128, 128)], machine=Machine(2, 8)).batch == 8


def test_passes_decide_between_the_limits():
    # 40 x 500 / 4 of the unlabeled, 200 x 60 / 4 of the labeled images.
    assert make([(64, 64)], 10, 300).iters == 3000
    assert make([(64, 64)], 60, 30).iters == 3000
    assert make([(64, 64)], 3, 3).iters == 2000
    assert make([(64, 64)], 10, 100000).iters == 4000
    assert make([(512, 512)], 100, 100000, GPU).iters == 40000
    given = make([(64, 64)], iters=7)
    assert given.iters == 7
    assert given.why['iters'] == 'as given with --iters'
