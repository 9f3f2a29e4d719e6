"""Which mask belongs to which image."""

import pytest

from mmseg_classmix.new_project.pairs import find_pairs


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return str(root)


def pairs_of(tmp_path, images, masks, **options):
    return find_pairs(
        touch(tmp_path / 'i', *images),
        touch(tmp_path / 'm', *masks),
        **options,
    )


@pytest.mark.parametrize(
    'ending', ['.png', '_mask.png', '.mask.png', '_m.GIF']
)
def test_ending_is_found(tmp_path, ending):
    stems = ['im_1', 'im_10', 'im_1_2', 'deep/er/im 1']
    images = ['im_1.jpg', 'im_10.PNG', 'im_1_2.jpg', 'deep/er/im 1.JPEG']
    pairs = pairs_of(tmp_path, images, [f'{stem}{ending}' for stem in stems])
    found = [pairs.mask_of[image] for image in images]
    assert found == [f'{stem}{ending}' for stem in stems]
    assert pairs.mask_suffixes == [ending]
    assert not pairs.unmasked
    assert not pairs.unused


def test_plain_name_wins_over_another_picture_of_the_mask(tmp_path):
    masks = ['a.png', 'b.png', 'a_color.png', 'b_color.png']
    pairs = pairs_of(tmp_path, ['a.jpg', 'b.jpg'], masks)
    assert pairs.mask_of == {'a.jpg': 'a.png', 'b.jpg': 'b.png'}


def test_ending_that_is_not_clear_is_asked_for(tmp_path):
    kinds = ('color', 'instanceIds', 'labelIds')
    masks = [f'{stem}_{kind}.png' for stem in 'ab' for kind in kinds]
    images = ['a.jpg', 'b.jpg']
    pairs = pairs_of(tmp_path, images, masks)
    assert pairs.styles == [f'_{kind}' for kind in kinds]
    assert not pairs.mask_of
    for given in ('_labelIds.png', '_labelIds'):
        pairs = pairs_of(tmp_path, images, masks, mask_suffix=given)
        assert pairs.mask_of == {s[0] + '.jpg': s for s in masks[2::3]}
        assert not pairs.unused


def test_what_does_not_belong_together(tmp_path):
    images = ['a.jpg', 'b.jpg', 'c.jpg', 'c.png', 'd.jpg', 'e.jpg']
    masks = ['a.png', 'b.png', 'b.tif', 'c.png', 'e.png', 'f.png']
    pairs = pairs_of(tmp_path, images, masks)
    assert pairs.mask_of == {'a.jpg': 'a.png', 'e.jpg': 'e.png'}
    assert pairs.unmasked == ['d.jpg']
    assert pairs.doubtful == ['b.jpg: b.png, b.tif', 'c.jpg and c.png: c.png']
    assert 'f.png' in pairs.unused


def test_masks_beside_and_below_the_images(tmp_path):
    root = touch(tmp_path, 'a.png', 'a_mask.png', 'b.png', 'b_mask.png')
    pairs = find_pairs(root, root, mask_suffix='_mask.png')
    assert pairs.mask_of == {'a.png': 'a_mask.png', 'b.png': 'b_mask.png'}
    with pytest.raises(ValueError, match='give --mask-suffix'):
        find_pairs(root, root)
    root = touch(tmp_path / 'x', 'a.png', 'masks/a.png')
    pairs = find_pairs(root, f'{root}/masks')
    assert pairs.mask_of == {'a.png': 'a.png'}
    assert not pairs.unmasked


def test_image_suffix(tmp_path):
    pairs = pairs_of(
        tmp_path,
        ['1_sat.jpg', '2_sat.jpg', 'x.jpg'],
        ['1_mask.png', '2_mask.png'],
        image_suffixes=('_sat.jpg',),
    )
    assert pairs.mask_of == {
        '1_sat.jpg': '1_mask.png',
        '2_sat.jpg': '2_mask.png',
    }


def test_no_name_fits_and_no_other_number(tmp_path):
    pairs = pairs_of(tmp_path, ['im_1.jpg'], ['1.png', 'im_10.png'])
    assert pairs.unmasked == ['im_1.jpg']
    assert pairs.mask_files == ['1.png', 'im_10.png']
