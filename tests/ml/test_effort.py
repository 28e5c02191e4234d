from ml.learning.effort import boosted_tree_seconds, forest_tree_seconds

BOOSTING, DRAWN = "hist_gradient_boosting", "boosted_extra_trees"
SMALL = {"max_leaf_nodes": 6}


def test_a_boosting_takes_less_than_in_proportion_to_its_rows() -> None:
    few, many = (boosted_tree_seconds(BOOSTING, SMALL, rows, 20) for rows in (10_000, 1_000_000))
    assert 10 * few < many < 100 * few


def test_leaves_features_and_drawn_splits_take_time() -> None:
    one = boosted_tree_seconds(BOOSTING, SMALL, 5_000, 20)
    assert boosted_tree_seconds(BOOSTING, {"max_leaf_nodes": 60}, 5_000, 20) > one
    assert boosted_tree_seconds(BOOSTING, SMALL, 5_000, 200) > one
    assert boosted_tree_seconds(DRAWN, SMALL, 5_000, 20) > one


def test_a_forest_takes_the_time_of_the_features_that_it_asks() -> None:
    root, half, whole = (
        forest_tree_seconds("extra_trees", {"max_features": share}, 5_000, 100) for share in ("sqrt", 0.5, 1.0)
    )
    assert 4 * root < half < whole
    assert forest_tree_seconds("random_forest", {"max_features": 1.0}, 5_000, 100) > whole
