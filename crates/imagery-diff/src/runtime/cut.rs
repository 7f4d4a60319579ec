//! Cuts a network at its convolutions, which take nearly all of `rten`'s time.
//!
//! Each becomes a step of its own, done by a [`Layer`], with what is done to its result at once and, of one pixel, with what is joined
//! for it. What lies between two of them stays with `rten`, which can begin and end at any value of a graph.

use std::collections::{HashMap, HashSet};

use rten_onnx::onnx::{GraphProto, ModelProto};

use super::{
    Layer,
    dense::{self, Dense},
    depthwise::{Depthwise, SIDES, STRIDES},
    graph::{Graph, is_constant},
    pointwise::{Pointwise, Source},
    winograd::{self, Winograd},
};

/// What is done in turn, with values of some kind of name.
#[derive(Debug, PartialEq)]
pub(crate) struct Step<Name> {
    /// Values that it reads.
    pub(crate) reads: Vec<Name>,
    /// Those of them that nothing reads later.
    pub(crate) last_read: Vec<Name>,
    /// Values that something later reads, or the network's result; a layer gives one.
    pub(crate) gives: Vec<Name>,
    pub(crate) work: Work,
}

/// Who does a step.
#[derive(Debug, PartialEq)]
pub(crate) enum Work {
    /// `rten`, from some values of its graph to others.
    Part,
    /// A convolution of what is read.
    Layer(Layer),
    /// A convolution whose result is added to the last value that is read.
    Sum(Layer),
}

impl<Name> Step<Name> {
    /// The same with other names.
    ///
    /// # Errors
    /// The first error of finding one.
    pub(crate) fn named<Other, E>(self, name: impl Fn(&Name) -> Result<Other, E>) -> Result<Step<Other>, E> {
        let all = |names: Vec<Name>| names.iter().map(&name).collect::<Result<Vec<_>, _>>();
        let (reads, last_read, gives) = (all(self.reads)?, all(self.last_read)?, all(self.gives)?);
        Ok(Step { reads, last_read, gives, work: self.work })
    }
}

/// The steps of an ONNX file whose first output is `result`, or `None` where there is nothing to cut; values go by their names in
/// the file.
pub(crate) fn steps(onnx: &[u8]) -> Option<Vec<Step<String>>> {
    let graph = ModelProto::parse_buf(onnx).ok()?.graph?;
    // The graphs inside a condition or a loop read values of this one without naming them.
    if graph.node.iter().flat_map(|node| &node.attribute).any(|attribute| attribute.g.is_some()) {
        return None;
    }
    let result = graph.output.first()?.name.clone()?;
    let known = Graph::of(&graph);
    let filters: Vec<Filter> = (0..graph.node.len()).filter_map(|node| filter(&known, node)).collect();
    if filters.is_empty() {
        return None;
    }
    let stages = Stages::of(&graph, &filters)?;
    let mut steps = stages.steps(&graph, filters, &result);
    // The result is read by whoever runs the network.
    let mut read_later = HashSet::from([result]);
    for step in steps.iter_mut().rev() {
        for value in &step.reads {
            if read_later.insert(value.clone()) {
                step.last_read.push(value.clone());
            }
        }
    }
    Some(steps)
}

/// A convolution of the graph with what belongs to it.
struct Filter {
    reads: Vec<String>,
    gives: String,
    /// Numbers of the nodes that it stands for, the convolution first.
    nodes: Vec<usize>,
    work: Work,
}

/// A node as a convolution with the sum and the clamp that follow it and the join that comes before it, if it is one of those that
/// are done here.
fn filter(graph: &Graph<'_>, number: usize) -> Option<Filter> {
    let shape = graph.convolution(number)?;
    let (side, stride, whole) = (shape.side, shape.stride, shape.groups == 1);
    let depthwise = shape.groups == shape.outputs && shape.inputs == 1;
    let done_here = if depthwise {
        SIDES.contains(&side) && STRIDES.contains(&stride)
    } else {
        whole && ((side, stride) == (1, 1) || dense::SHAPES.contains(&(side, stride)))
    };
    if !done_here {
        return None;
    }
    let (filters, bias) = graph.filters(number, shape)?;
    let node = &graph.nodes[number];
    let (mut nodes, mut gives, mut reads) = (vec![number], node.output.first()?, vec![node.input[0].clone()]);
    let mut added = None;
    if let Some(sum) = graph.only_reader(gives)
        && graph.is(sum, "Add")
        && !depthwise
        && let Some(other) = graph.passed_by(sum, number)
    {
        added = Some(other.to_owned());
        gives = graph.nodes[sum].output.first()?;
        nodes.push(sum);
    }
    let mut bounds = [f32::NEG_INFINITY, f32::INFINITY];
    if let Some(next) = graph.only_reader(gives)
        && let Some(clamped) = graph.clamp(next)
    {
        bounds = clamped;
        gives = graph.nodes[next].output.first()?;
        nodes.push(next);
    }
    let layer = if depthwise {
        Layer::Depthwise(Depthwise { side, stride, weights: filters, bias, bounds })
    } else if (side, stride) == (winograd::SIDE, 1) {
        Layer::Winograd(Winograd::new(shape.inputs, &filters, &bias, bounds))
    } else if side > 1 {
        Layer::Dense(Dense::new(shape.inputs, (side, stride), &filters, &bias, bounds))
    } else {
        let joined = joined(graph, &node.input[0], shape.inputs);
        let alone =
            || Joined { sources: vec![Source::alone(shape.inputs)], reads: reads.clone(), nodes: Vec::new() };
        let joined = joined.unwrap_or_else(alone);
        reads = joined.reads;
        nodes.extend(joined.nodes);
        Layer::Pointwise(Pointwise::new(joined.sources, &filters, &bias, bounds))
    };
    let work = if added.is_some() { Work::Sum(layer) } else { Work::Layer(layer) };
    reads.extend(added);
    Some(Filter { reads, gives: gives.clone(), nodes, work })
}

/// Values that are joined for a convolution of one pixel.
struct Joined {
    sources: Vec<Source>,
    reads: Vec<String>,
    nodes: Vec<usize>,
}

/// What a value with so many channels is joined of, if that is known.
fn joined(graph: &Graph<'_>, value: &str, channels: usize) -> Option<Joined> {
    let (node, values) = graph.joined(value)?;
    let mut joined = Joined { sources: Vec::new(), reads: Vec::new(), nodes: vec![node] };
    for value in values {
        let mut from = value.as_str();
        let enlarged = graph.enlarged(from);
        if let Some((node, smaller)) = enlarged {
            joined.nodes.push(node);
            from = smaller;
        }
        let other = graph.of_other(from);
        if let Some((nodes, own)) = &other {
            joined.nodes.extend(nodes);
            from = own;
        }
        joined.reads.push(from.to_owned());
        joined.sources.push(Source {
            channels: graph.channels(from)?,
            of_other: other.is_some(),
            enlarged: enlarged.is_some(),
        });
    }
    let told: usize = joined.sources.iter().map(|source| source.channels).sum();
    let complete = told == channels && joined.sources.iter().any(|source| !source.enlarged);
    complete.then_some(joined)
}

/// Which values are there after how many filters.
struct Stages<'a> {
    /// Number of filters that must be done before a value is there; constants have none.
    of_value: HashMap<&'a str, usize>,
    /// The same of the nodes that stay with `rten`.
    of_node: Vec<Option<usize>>,
}

impl<'a> Stages<'a> {
    /// `None` where the nodes are not in the order of their values, or a filter needs a later one.
    fn of(graph: &'a GraphProto, filters: &[Filter]) -> Option<Stages<'a>> {
        let given = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref());
        let made = graph.node.iter().filter(|node| is_constant(node)).flat_map(|node| &node.output);
        let constants: HashSet<&str> = given.chain(made.map(String::as_str)).collect();
        let mut of_value: HashMap<&str, usize> =
            graph.input.iter().filter_map(|input| Some((input.name.as_deref()?, 0))).collect();
        let mut of_node = vec![None; graph.node.len()];
        let in_filters: HashMap<usize, usize> = filters
            .iter()
            .enumerate()
            .flat_map(|(filter, each)| each.nodes.iter().map(move |node| (*node, filter)))
            .collect();
        let made_in: HashMap<&str, usize> = in_filters
            .iter()
            .flat_map(|(node, filter)| graph.node[*node].output.iter().map(|made| (made.as_str(), *filter)))
            .collect();
        for (number, node) in graph.node.iter().enumerate().filter(|(_, node)| !is_constant(node)) {
            let filter = in_filters.get(&number).copied();
            let mut stage = 0;
            for input in node.input.iter().map(String::as_str) {
                let inside = filter.is_some() && made_in.get(input).copied() == filter;
                if !input.is_empty() && !constants.contains(input) && !inside {
                    stage = stage.max(*of_value.get(input)?);
                }
            }
            match filter {
                // A filter is done when everything that it needs is, and its result is there one stage later.
                Some(filter) if stage > filter => return None,
                Some(filter) => stage = filter + 1,
                None => of_node[number] = Some(stage),
            }
            of_value.extend(node.output.iter().map(|output| (output.as_str(), stage)));
        }
        Some(Stages { of_value, of_node })
    }

    /// Parts of the graph and filters in turn.
    fn steps(&self, graph: &GraphProto, filters: Vec<Filter>, result: &str) -> Vec<Step<String>> {
        let last = filters.len();
        let mut filters = filters.into_iter();
        let read_by_filters: HashSet<String> =
            filters.as_slice().iter().flat_map(|filter| filter.reads.clone()).collect();
        let mut steps = Vec::new();
        for stage in 0..=last {
            let nodes = || graph.node.iter().enumerate().filter(|(at, _)| self.of_node[*at] == Some(stage));
            let made: HashSet<&str> =
                nodes().flat_map(|(_, node)| node.output.iter().map(String::as_str)).collect();
            let read_later = |value: &str| {
                graph.node.iter().enumerate().any(|(at, node)| {
                    self.of_node[at].is_some_and(|of| of > stage)
                        && node.input.iter().any(|input| input == value)
                })
            };
            let mut reads: Vec<String> = Vec::new();
            for input in nodes().flat_map(|(_, node)| &node.input) {
                let outside = self.of_value.contains_key(input.as_str()) && !made.contains(input.as_str());
                if outside && !reads.contains(input) {
                    reads.push(input.clone());
                }
            }
            let gives: Vec<String> = nodes()
                .flat_map(|(_, node)| &node.output)
                .filter(|value| {
                    value.as_str() == result || read_by_filters.contains(*value) || read_later(value)
                })
                .cloned()
                .collect();
            if !gives.is_empty() {
                steps.push(Step { reads, last_read: Vec::new(), gives, work: Work::Part });
            }
            if let Some(Filter { reads, gives, work, .. }) = filters.next() {
                steps.push(Step { reads, last_read: Vec::new(), gives: vec![gives], work });
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Shipped;

    #[test]
    fn a_network_is_cut_at_each_of_its_convolutions() {
        // Convolutions, those of one channel each, sums, and what is left to `rten`: the two dates taken apart, and what the
        // last convolution says put in its place.
        for (name, wanted) in [("research", [23, 0, 6, 2]), ("research-large", [57, 16, 9, 2])] {
            let steps = steps(Shipped::named(name).unwrap().onnx()).unwrap();
            let layers: Vec<&Layer> = steps
                .iter()
                .filter_map(|step| match &step.work {
                    Work::Layer(layer) | Work::Sum(layer) => Some(layer),
                    Work::Part => None,
                })
                .collect();
            let depthwise = layers.iter().filter(|layer| matches!(layer, Layer::Depthwise(_))).count();
            let sums = steps.iter().filter(|step| matches!(step.work, Work::Sum(_))).count();
            let got = [layers.len(), depthwise, sums, steps.len() - layers.len()];
            assert_eq!(got, wanted, "{name}");
            let (first, last) = (steps.first().unwrap(), steps.last().unwrap());
            assert_eq!((&first.work, first.reads[0].as_str()), (&Work::Part, "pair"));
            assert_eq!((&last.work, last.gives[0].as_str()), (&Work::Part, "evidence"));
            for layer in layers {
                if let Layer::Depthwise(layer) = layer {
                    assert_eq!(layer.bounds, [0.0, 6.0], "the clamp belongs to it");
                }
            }
        }
    }

    #[test]
    fn what_is_no_network_is_not_cut() {
        assert_eq!(steps(b"no network"), None);
    }
}
