//! What each layer reads, and where gradients lie on the way back.
//!
//! A value's gradient is needed from its last reader until the layer that made it is done. So a
//! sequence needs two places for gradients, in turn; each way around a layer keeps one more. A value
//! that several layers read has the sum of what they give: the first on the way back writes it, each
//! other one adds to it.

use trainmark_plugin::{Error, Model, Source};

/// One layer's.
#[derive(Debug)]
pub(super) struct Route {
    /// What it reads, among the model's input and the outputs of all layers; of a sum two.
    pub(super) reads: Vec<Read>,
    /// Where the gradient of its output lies.
    pub(super) gradient: usize,
    /// Whether anything with parameters comes before it.
    pub(super) needs_input_gradient: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) value: usize,
    /// Where the value's gradient lies.
    pub(super) gradient: usize,
    /// Whether that is written, not added to.
    pub(super) is_first: bool,
}

/// Those of a model's layers, and how many places gradients take.
///
/// # Errors
/// `invalid` where a layer does not fit.
pub(super) fn routes(model: &Model) -> Result<(Vec<Route>, usize), Error> {
    let needed = model.input_gradients()?;
    let layers = model.layers.len();
    // Which value has which place.
    let mut places: Vec<Option<usize>> = vec![Some(layers)];
    let mut routes = Vec::with_capacity(layers);
    for layer in (0..layers).rev() {
        let output = Source::Layer(layer).place();
        let gradient = places.iter().position(|place| *place == Some(output)).unwrap_or_default();
        let reads = model.reads(layer).all().map(|source| {
            let value = source.place();
            let known = places.iter().position(|place| *place == Some(value));
            let free = || places.iter().position(Option::is_none).unwrap_or(places.len());
            let gradient = known.unwrap_or_else(free);
            if gradient == places.len() {
                places.push(None);
            }
            places[gradient] = Some(value);
            Read { value, gradient, is_first: known.is_none() }
        });
        let reads = reads.collect();
        places[gradient] = None;
        routes.push(Route { reads, gradient, needs_input_gradient: needed[layer] });
    }
    routes.reverse();
    Ok((routes, places.len()))
}

#[cfg(test)]
mod tests {
    use trainmark_plugin::{Layer, Shape};

    use super::*;

    fn gradients(model: &Model) -> (Vec<Vec<(usize, bool)>>, usize) {
        let (routes, places) = routes(model).unwrap();
        let of = |route: &Route| route.reads.iter().map(|read| (read.gradient, read.is_first)).collect();
        (routes.iter().map(of).collect(), places)
    }

    #[test]
    fn a_sequence_takes_two_places_in_turn() {
        let model = Model::new("m", Shape::Vector(2), [Layer::Relu; 4]);
        let expected = [0, 1, 0, 1].map(|place| vec![(place, true)]).to_vec();
        assert_eq!(gradients(&model), (expected, 2));
    }

    #[test]
    fn a_way_around_keeps_a_place_to_which_it_is_added() {
        let add = Layer::Add { other: Source::Layer(0) };
        let model = Model::new("m", Shape::Vector(2), [Layer::Relu, Layer::Relu, Layer::Tanh, add]);
        let expected = vec![vec![(0, true)], vec![(2, false)], vec![(0, true)], vec![(1, true), (2, true)]];
        assert_eq!(gradients(&model), (expected, 3));
    }
}
