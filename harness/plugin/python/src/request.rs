//! An open request as JSON for Python's side of the bridge; the samples go beside it, as memory.

use serde_json::{Value, json};
use trainmark_plugin::{Error, Layer, OpenRequest, Optimiser, ParameterSpec, Reads, Shape, Source};

/// All of a request but its samples: the fields of `trainmark.Request`.
///
/// # Errors
/// Where the model's shapes do not fit.
pub(crate) fn to_json(request: &OpenRequest<'_>) -> Result<String, Error> {
    let model = &request.model;
    let shapes = model.input_shapes()?.into_iter().zip(model.shapes()?);
    let layers = model.layers.iter().zip(shapes).enumerate();
    let layers: Vec<Value> = layers
        .map(|(index, (layer, (input, output)))| {
            let mut value = layer_json(layer, input, output);
            value["reads"] = json!(reads(model.reads(index)));
            value
        })
        .collect();
    let parameters: Vec<Value> = model.parameters()?.iter().map(parameter_json).collect();
    let request = json!({
        "model": model.name,
        "input": sides(model.input),
        "classes": model.classes()?,
        "layers": layers,
        "parameters": parameters,
        "implementation": request.implementation,
        "device": request.device,
        "threads": request.threads,
        "optimiser": optimiser_json(request.optimiser),
        "learning_rate": request.learning_rate,
        "batch_size": request.batch_size,
    });
    Ok(request.to_string())
}

/// Indices of layers; −1 is the model's input.
fn reads(reads: Reads) -> Vec<i64> {
    let index = |source| match source {
        Source::Input => -1,
        Source::Layer(layer) => layer as i64,
    };
    reads.all().map(index).collect()
}

fn optimiser_json(optimiser: Optimiser) -> Value {
    let mut value = json!({"kind": optimiser.name()});
    for (key, number) in optimiser.numbers() {
        value[key] = json!(number);
    }
    value
}

fn sides(shape: Shape) -> Vec<usize> {
    match shape {
        Shape::Image { channels, height, width } => vec![channels, height, width],
        Shape::Vector(features) => vec![features],
    }
}

fn layer_json(layer: &Layer, input: Shape, output: Shape) -> Value {
    let mut value = match *layer {
        Layer::Conv2d { out_channels, kernel, stride, padding, bias } => json!({
            "out_channels": out_channels, "kernel": kernel, "stride": stride, "padding": padding, "bias": bias,
        }),
        Layer::BatchNorm { epsilon, momentum } => json!({"epsilon": epsilon, "momentum": momentum}),
        Layer::MaxPool2d { window, stride } | Layer::AvgPool2d { window, stride } => {
            json!({"window": window, "stride": stride})
        }
        Layer::Linear { out_features, bias } => json!({"out_features": out_features, "bias": bias}),
        Layer::Dropout { rate } => json!({"rate": rate}),
        Layer::Resize { height, width } => json!({"height": height, "width": width}),
        Layer::Sigmoid | Layer::Relu | Layer::Tanh | Layer::Flatten | Layer::Add { .. } => json!({}),
    };
    value["kind"] = json!(layer.kind());
    value["input"] = json!(sides(input));
    value["output"] = json!(sides(output));
    value
}

fn parameter_json(parameter: &ParameterSpec) -> Value {
    json!({
        "name": parameter.name,
        "layer": parameter.layer,
        "role": parameter.role.name(),
        "shape": parameter.shape,
        "trainable": parameter.role.is_trainable(),
    })
}
