// Writes and reads raw records of Kafka for tests, with Kafka's own client: our code has none. One file, run by `java Records.java`.
//
//   produce <bootstrap> <topic>    lines of standard input, key|value
//   consume <bootstrap> <topic>    all that is there now, to standard output, key|value

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

class Records {
    public static void main(String[] arguments) throws Exception {
        Map<String, Object> at = Map.of("bootstrap.servers", arguments[1]);
        if (arguments[0].equals("produce")) {
            produce(at, arguments[2]);
        } else {
            consume(at, arguments[2]);
        }
    }

    private static void produce(Map<String, Object> at, String topic) throws Exception {
        var input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        try (var producer = new KafkaProducer<>(at, new StringSerializer(), new StringSerializer())) {
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                String[] parts = line.split("\\|", 2);
                producer.send(new ProducerRecord<>(topic, parts[0], parts[1])).get();
            }
        }
    }

    private static void consume(Map<String, Object> at, String topic) {
        try (var consumer = new KafkaConsumer<>(at, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> partitions =
                consumer.partitionsFor(topic).stream().map(info -> new TopicPartition(topic, info.partition())).toList();
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> System.out.println(record.key() + "|" + record.value()));
            }
        }
    }
}
